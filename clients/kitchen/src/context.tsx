import { createContext, useContext, useSyncExternalStore } from "react";
import type { DeviceRecord } from "./data/db.ts";
import type { Platform } from "./data/platform.ts";
import type { Settings } from "./data/settings.ts";
import type { ShiftRun } from "./data/shift.ts";
import type { KitchenState } from "./data/store.ts";
import type { SoundEngine } from "./sound/engine.ts";

/** What every screen can reach. */
export interface AppValue {
  platform: Platform;
  device: DeviceRecord | undefined;
  settings: Settings;
  change(settings: Partial<Settings>): void;
  sound: SoundEngine;
  /** A newer build waits; runs it. */
  update: (() => void) | undefined;
}

export const AppContext = createContext<AppValue | undefined>(undefined);
export const ShiftContext = createContext<ShiftRun | undefined>(undefined);

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("used outside of its provider");
  return value;
}

export const useApp = (): AppValue => present(useContext(AppContext));
export const useShift = (): ShiftRun => present(useContext(ShiftContext));

export function useKitchen<T>(select: (state: KitchenState) => T): T {
  const { store } = useShift().kitchen;
  return useSyncExternalStore(store.subscribe, () => select(store.get()));
}
