import { useEffect, useRef } from "react";
import { type Action, type KeyMap, KeyReader } from "../model/keys.ts";

/** Listens to the keyboard or bump bar. Leaves keys alone that belong to a text field, a button or an open panel. */
export function useKeys(map: KeyMap, act: (action: Action) => void): void {
  const latest = useRef(act);
  latest.current = act;

  useEffect(() => {
    const reader = new KeyReader(map);
    const onKey = (event: KeyboardEvent) => {
      if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      if (document.querySelector("dialog[open]")) return;
      const target = event.target instanceof Element ? event.target : undefined;
      if (target?.closest("input, select, textarea")) return;
      if ((event.key === "Enter" || event.key === " ") && target?.closest("button, a")) return;
      const action = reader.read(event.key, event.shiftKey, performance.now());
      if (!action) return;
      event.preventDefault();
      latest.current(action);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [map]);
}
