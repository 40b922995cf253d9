import { ServerClock } from "@muster/sdk/server-clock";
import type { SoundEngine } from "../sound/engine.ts";
import { TicketCache } from "./cache.ts";
import { Cook } from "./cook.ts";
import type { DeviceRecord } from "./db.ts";
import { Feed } from "./feed.ts";
import { type Freshness, freshness } from "./freshness.ts";
import { Kitchen } from "./kitchen.ts";
import type { Platform } from "./platform.ts";
import type { Shift } from "./settings.ts";

/** Everything that runs from "Start shift" until its end. */
export interface ShiftRun {
  kitchen: Kitchen;
  cook: Cook;
  clock: ServerClock;
  /** Whether the screen can be trusted right now. */
  fresh(): Freshness;
  /** The network says that it is back, or the window is looked at again. */
  wake(): void;
  stop(): void;
}

const WRITE_AFTER_MS = 1_000;
const FRESHEN_MS = 20_000;

export async function runShift(
  platform: Platform,
  device: DeviceRecord,
  shift: Shift,
  screen: string,
  sound: Pick<SoundEngine, "play">,
): Promise<ShiftRun> {
  const { stationIds } = shift;
  const clock = new ServerClock();
  const cache = new TicketCache(platform.db, screen);
  let writing: ReturnType<typeof setTimeout> | undefined;
  let remembered: number | undefined;

  const kitchen = new Kitchen({
    outbox: platform.outbox,
    stationIds,
    signal: (signal) => sound.play(signal),
    changed: () => {
      writing ??= setTimeout(write, WRITE_AFTER_MS);
    },
  });
  const write = () => {
    writing = undefined;
    void cache.save(kitchen.store.get().board, feed.heard.asOf ?? clock.now(), stationIds);
  };
  const feed = new Feed(platform.rpc, platform.session, clock, kitchen, { locationId: device.locationId, stationIds });

  const before = await cache.load(stationIds).catch(() => undefined);
  if (before) {
    remembered = before.asOf;
    kitchen.store.set({ board: before.board, remembered: true });
  }
  const stopOutbox = await kitchen.start();
  const abort = new AbortController();
  void feed.run(abort.signal);

  const wake = () => {
    feed.wake();
    void platform.outbox.drain();
  };
  const onVisible = () => document.visibilityState === "visible" && wake();
  const freshen = setInterval(() => {
    if (run.fresh().stale) return;
    void platform.session.freshen().catch(() => undefined);
  }, FRESHEN_MS);
  addEventListener("online", wake);
  document.addEventListener("visibilitychange", onVisible);

  const run: ShiftRun = {
    kitchen,
    cook: new Cook(kitchen, device.locationId),
    clock,
    fresh: () => {
      const heard = { at: feed.heard.at, asOf: feed.heard.asOf ?? remembered };
      return freshness(heard, kitchen.store.get().link, performance.now(), clock.now());
    },
    wake,
    stop: () => {
      abort.abort();
      stopOutbox();
      clearTimeout(writing);
      clearInterval(freshen);
      removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", onVisible);
    },
  };
  return run;
}
