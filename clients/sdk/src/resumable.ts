import { Code, ConnectError } from "@connectrpc/connect";
import { type Backoff, delayMs, sleep } from "./backoff.ts";

/** What the stream is doing right now. `heardAt` is not kept here: the caller sees every message itself. */
export type Link =
  | { state: "connecting"; attempt: number }
  | { state: "live" }
  | { state: "waiting"; attempt: number; reason: string };

export interface ResumableOptions<T> {
  /** Opens the stream at a place; an empty token asks for a fresh snapshot. */
  open(token: string, signal: AbortSignal): AsyncIterable<T>;
  /** Takes one message. Return the token to resume from, `undefined` to keep the last, or `"relist"` when the place is lost. */
  take(message: T): { token: string } | "relist" | undefined;
  link(link: Link): void;
  /** Runs before every opening: the place to renew a token, since a running stream cannot be retried. */
  prepare?(attempt: number, last: ConnectError | undefined): Promise<void>;
  /** A live stream that is silent for this long is dead. */
  silenceMs?: number;
  /** An opening that answers nothing for this long is given up. Every fourth one may take three times as long. */
  openMs?: number;
  backoff?: Backoff;
  random?: () => number;
  now?: () => number;
}

interface Ending {
  /** The stream had spoken: the next attempt counts as the first. */
  heard: boolean;
  error: ConnectError;
}

/**
 * Keeps one server stream open for as long as the signal lives: resumes by token, notices silence, backs off with
 * jitter, starts over from a snapshot when the server says that the place is lost.
 */
export class Resumable<T> {
  private readonly wakeUp = new EventTarget();
  private dropCurrent: (() => void) | undefined;
  private speaking = false;
  private token = "";

  constructor(private readonly options: ResumableOptions<T>) {}

  /** Cuts a wait or a hanging opening short: call it when the network says that it is back. */
  wake(): void {
    if (!this.speaking) this.dropCurrent?.();
    this.wakeUp.dispatchEvent(new Event("wake"));
  }

  /** Drops the stream and its place; the next opening asks for a snapshot. */
  restart(): void {
    this.token = "";
    this.dropCurrent?.();
    this.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { link, prepare, random, now = () => performance.now() } = this.options;
    const backoff = this.options.backoff ?? { baseMs: 250, capMs: 3_000 };
    let attempt = 0;
    let last: ConnectError | undefined;
    while (!signal.aborted) {
      link({ state: "connecting", attempt });
      const began = now();
      let ending: Ending;
      try {
        await prepare?.(attempt, last);
        ending = await this.once(attempt, signal);
      } catch (thrown) {
        ending = { heard: false, error: ConnectError.from(thrown) };
      }
      if (ending.heard) attempt = 0;
      if (ending.error.code === Code.OutOfRange) this.token = "";
      if (signal.aborted) return;
      last = ending.error;
      link({ state: "waiting", attempt, reason: last.rawMessage });
      // What the attempt itself took counts as waiting, so that a network that is back is noticed within the cap.
      const wait = delayMs(attempt, backoff, random) - (ending.heard ? 0 : now() - began);
      await sleep(Math.max(wait, backoff.baseMs / 2), signal, this.wakeUp);
      attempt += 1;
    }
  }

  /** One opening, and how it ended. */
  private async once(attempt: number, signal: AbortSignal): Promise<Ending> {
    const { open, take, link, silenceMs = 6_000, openMs = 2_000 } = this.options;
    const abort = new AbortController();
    const onAbort = () => abort.abort();
    signal.addEventListener("abort", onAbort);
    this.dropCurrent = onAbort;
    let giveUp: (() => void) | undefined;
    abort.signal.addEventListener("abort", () => giveUp?.());
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    const guard = (ms: number) => {
      clearTimeout(watchdog);
      watchdog = setTimeout(onAbort, ms);
    };
    let heard = false;
    try {
      guard(attempt % 4 === 3 ? openMs * 3 : openMs);
      const messages = open(this.token, abort.signal)[Symbol.asyncIterator]();
      for (;;) {
        // Not a race against one promise that lives as long as the stream: that would keep every message alive.
        const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
          giveUp = () => reject(new ConnectError("nothing was heard", Code.Unavailable));
          if (abort.signal.aborted) giveUp();
          messages.next().then(resolve, reject);
        });
        if (next.done) return { heard, error: new ConnectError("the stream ended", Code.Unavailable) };
        if (!heard) link({ state: "live" });
        heard = true;
        this.speaking = true;
        guard(silenceMs);
        const place = take(next.value);
        if (place === "relist") throw new ConnectError("a change is missing", Code.OutOfRange);
        if (place) this.token = place.token;
      }
    } catch (thrown) {
      return { heard, error: ConnectError.from(thrown) };
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener("abort", onAbort);
      this.dropCurrent = undefined;
      this.speaking = false;
      abort.abort();
    }
  }
}
