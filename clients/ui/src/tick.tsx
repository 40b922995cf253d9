import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const each of listeners) each();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** A value that time changes. Draws again only in the second in which it is another one; keep it a primitive. */
export function useTick<T extends string | number | boolean | undefined>(read: () => T): T {
  return useSyncExternalStore(subscribe, read);
}

/** Runs once a second for as long as it is subscribed. */
export const onTick = subscribe;
