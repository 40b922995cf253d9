import type { DiningOption } from "#gen/muster/orders/v1/station_pb";
import { DEFAULT_KEYS, type KeyMap } from "../model/keys.ts";
import type { Grid, Viewing } from "../model/scale.ts";

export interface Settings {
  viewing: Viewing;
  grid: Grid;
  volume: number;
  muted: boolean;
  keys: KeyMap;
  /** Only these kinds of orders; empty: all. */
  dining: readonly DiningOption[];
  /** Set while a shift runs: a reload goes straight back to the tickets. */
  shift: Shift | undefined;
}

export interface Shift {
  mode: "stations" | "guests";
  /** Empty: all stations of the location. */
  stationIds: readonly string[];
}

export const DEFAULTS: Settings = {
  viewing: { panelInches: 32, distanceMetres: 2 },
  grid: "M",
  volume: 0.7,
  muted: false,
  keys: DEFAULT_KEYS,
  dining: [],
  shift: undefined,
};

/** `?screen=2` gives a second window of the same machine its own settings and its own tickets. */
export function screenName(search: string): string {
  return new URLSearchParams(search).get("screen")?.slice(0, 20) || "main";
}

export function loadSettings(screen: string, storage: Storage = localStorage): Settings {
  try {
    return { ...DEFAULTS, ...JSON.parse(storage.getItem(`muster.kitchen.${screen}`) ?? "{}") };
  } catch {
    return DEFAULTS;
  }
}

export function saveSettings(screen: string, settings: Settings, storage: Storage = localStorage): void {
  try {
    storage.setItem(`muster.kitchen.${screen}`, JSON.stringify(settings));
  } catch {
    // A browser that keeps nothing still runs the shift.
  }
}
