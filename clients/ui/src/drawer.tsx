import { type ReactNode, useEffect, useId, useRef } from "react";
import { Icon } from "./icons.tsx";

/** Closes what stands over the tickets when nobody uses it: a forgotten list must not hide an order. */
const IDLE_MS = 60_000;

interface DrawerProps {
  title: string;
  close(): void;
  children: ReactNode;
  foot?: ReactNode;
  kind?: "drawer" | "prompt";
}

/** A modal panel: keeps the focus inside, closes by Escape, by touch beside it, and by itself. */
export function Drawer({ title, close, children, foot, kind = "drawer" }: DrawerProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const closing = useRef(close);
  closing.current = close;
  const id = useId();

  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    element.showModal();
    let timer = setTimeout(() => closing.current(), IDLE_MS);
    const used = (event: Event) => {
      clearTimeout(timer);
      timer = setTimeout(() => closing.current(), IDLE_MS);
      if (event.type === "pointerdown" && event.target === element && outside(element, event as PointerEvent)) {
        closing.current();
      }
    };
    element.addEventListener("pointerdown", used);
    element.addEventListener("keydown", used);
    return () => {
      clearTimeout(timer);
      element.removeEventListener("pointerdown", used);
      element.removeEventListener("keydown", used);
      element.close();
    };
  }, []);

  return (
    <dialog
      ref={dialog}
      className={kind}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <header className={kind === "drawer" ? "drawer-head" : "prompt-head"}>
        <h2 id={id}>{title}</h2>
        {kind === "drawer" && (
          <button type="button" className="button" onClick={close}>
            <Icon name="close" /> Close
          </button>
        )}
      </header>
      <div className={kind === "drawer" ? "drawer-body" : "prompt-body"} tabIndex={kind === "drawer" ? 0 : undefined}>
        {children}
      </div>
      {foot}
    </dialog>
  );
}

function outside(element: HTMLElement, { clientX, clientY }: PointerEvent): boolean {
  const box = element.getBoundingClientRect();
  return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
}
