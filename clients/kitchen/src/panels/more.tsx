import { useEffect, useState } from "react";
import { useApp } from "../context.tsx";
import { ACTION_NAMES, DEFAULT_KEYS, type KeyMap } from "../model/keys.ts";
import { SizePicker } from "../parts/size-picker.tsx";
import { SoundTest } from "../parts/sound-test.tsx";

const KEY_NAMES: Record<string, string> = {
  " ": "Space",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "PgUp",
  PageDown: "PgDn",
  Escape: "Esc",
  R: "Shift+R",
};

const keyName = (key: string): string => KEY_NAMES[key] ?? (/^[A-Z]$/.test(key) ? `Shift+${key}` : key.toUpperCase());

/** Which key does what, how loud it is, and how large. */
export function More() {
  const { settings, change } = useApp();
  const [teaching, setTeaching] = useState<string>();

  useEffect(() => {
    if (!teaching) return;
    const learn = (event: KeyboardEvent) => {
      event.preventDefault();
      event.stopPropagation();
      if (event.key === "Shift") return;
      const letter = /^[a-z]$/i.test(event.key);
      const key = letter && !event.shiftKey ? event.key.toLowerCase() : event.key;
      if (event.key !== "Escape") change({ keys: rebind(settings.keys, key, teaching) });
      setTeaching(undefined);
    };
    addEventListener("keydown", learn, true);
    return () => removeEventListener("keydown", learn, true);
  }, [teaching, settings.keys, change]);

  return (
    <>
      <h3>Sound</h3>
      <SoundTest />
      <h3 className="gap-top">Size</h3>
      <SizePicker />
      <h3 className="gap-top">Keys</h3>
      <p className="soft">A bump bar is a keyboard. Touch a line, then press the key that shall do it.</p>
      <ul className="rows keys">
        {Object.entries(ACTION_NAMES).map(([name, words]) => (
          <li key={name}>
            <button
              type="button"
              className="key-row"
              aria-pressed={teaching === name}
              onClick={() => setTeaching(teaching === name ? undefined : name)}
            >
              <span>{words}</span>
              <kbd>{teaching === name ? "press a key" : keysOf(settings.keys, name)}</kbd>
            </button>
          </li>
        ))}
      </ul>
      <button type="button" className="button quiet gap-top" onClick={() => change({ keys: DEFAULT_KEYS })}>
        The usual keys
      </button>
    </>
  );
}

function keysOf(map: KeyMap, name: string): string {
  const keys = Object.keys(map).filter((key) => map[key] === name);
  return keys.length > 0 ? keys.map(keyName).join(" ") : "none";
}

/** Gives a key to an action; whatever had it before, and the action's own old keys, go without. */
function rebind(map: KeyMap, key: string, name: string): KeyMap {
  const kept = Object.entries(map).filter(([each, action]) => each !== key && action !== name);
  return Object.fromEntries([...kept, [key, name]]);
}
