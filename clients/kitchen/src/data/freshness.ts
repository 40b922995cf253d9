import type { Link } from "@muster/sdk/resumable";

/** A stream that is silent for this long, two heartbeats and more, is not live, whatever the connection says. */
export const SILENCE_MS = 5_000;
/** A log that was not read for this long is old news, however alive the connection is. */
const LAG_MS = 7_000;
/** A broken stream gets this long to come back before the screen turns grey. */
const BROKEN_MS = 3_000;

export interface Heard {
  /** When the server last spoke, by this machine's monotonic clock. */
  at: number | undefined;
  /** The server's time up to which it had read the log. */
  asOf: number | undefined;
}

export interface Freshness {
  stale: boolean;
  /** Since when nothing is known to be true, in milliseconds. */
  ageMs: number | undefined;
  why: "live" | "silent" | "behind" | "never";
}

/** Whether what is on the screen can be trusted. A live connection is not fresh data. */
export function freshness(heard: Heard, link: Link, monotonicNow: number, serverNow: number): Freshness {
  const lag = heard.asOf === undefined ? undefined : Math.max(0, serverNow - heard.asOf);
  if (heard.at === undefined) return { stale: true, ageMs: lag, why: "never" };
  const silence = monotonicNow - heard.at;
  if (silence >= SILENCE_MS || (link.state !== "live" && silence >= BROKEN_MS)) {
    return { stale: true, ageMs: lag ?? silence, why: "silent" };
  }
  if (lag !== undefined && lag >= LAG_MS) return { stale: true, ageMs: lag, why: "behind" };
  return { stale: false, ageMs: silence, why: "live" };
}
