/** How long to wait before the next attempt. Half of the delay is random, so that screens do not return as one herd. */
export interface Backoff {
  baseMs: number;
  capMs: number;
}

export function delayMs(attempt: number, { baseMs, capMs }: Backoff, random: () => number = Math.random): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 16));
  return Math.round(full / 2 + (full / 2) * random());
}

/** Waits, unless the signal is aborted or the wait is cut short by `wake`. */
export function sleep(ms: number, signal: AbortSignal, wake?: EventTarget): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      wake?.removeEventListener("wake", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal.aborted) return done();
    signal.addEventListener("abort", done);
    wake?.addEventListener("wake", done);
  });
}
