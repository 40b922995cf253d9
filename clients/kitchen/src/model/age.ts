import type { Station } from "#gen/muster/orders/v1/station_pb";

export type Band = "fresh" | "due" | "late";

export interface Limits {
  warnMs: number;
  lateMs: number;
}

/** Yellow at 5 minutes and red at 8, unless the station says otherwise. */
export function limits(station: Pick<Station, "warnAfterSeconds" | "lateAfterSeconds"> | undefined): Limits {
  return {
    warnMs: (station?.warnAfterSeconds || 300) * 1000,
    lateMs: (station?.lateAfterSeconds || 480) * 1000,
  };
}

export function band(ageMs: number, { warnMs, lateMs }: Limits): Band {
  if (ageMs >= lateMs) return "late";
  return ageMs >= warnMs ? "due" : "fresh";
}

/** `4:07`, `59:59`, `1h05`: never wider than five characters below ten hours. */
export function ageText(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}`;
  return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}

/** How long ago, in words a cook reads at a glance. */
export function agoText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
