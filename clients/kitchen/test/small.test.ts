import { describe, expect, it } from "vitest";
import { KitchenChangeCause as Cause } from "#gen/muster/orders/v1/watch_pb";
import { freshness } from "../src/data/freshness.ts";
import { ageText, agoText, band, limits } from "../src/model/age.ts";
import { type Action, DEFAULT_KEYS, KeyReader } from "../src/model/keys.ts";
import { readableMetres, unit, wantedUnit } from "../src/model/scale.ts";
import { signalOf } from "../src/model/signals.ts";
import { SlotGuard } from "../src/model/slots.ts";
import { change, STATIONS, station, ticket } from "./make.ts";

describe("ages", () => {
  it("turn yellow at five minutes and red at eight, or when the station says", () => {
    const usual = limits(undefined);
    expect([0, 299_999, 300_000, 479_999, 480_000].map((age) => band(age, usual))).toEqual([
      "fresh",
      "fresh",
      "due",
      "due",
      "late",
    ]);
    const own = limits(station("s", { warnAfterSeconds: 60, lateAfterSeconds: 90 }));
    expect(band(61_000, own)).toBe("due");
    expect(band(90_000, own)).toBe("late");
  });

  it("read at a glance, and are never negative", () => {
    expect([-5_000, 0, 67_000, 3_599_000, 3_905_000].map(ageText)).toEqual(["0:00", "0:00", "1:07", "59:59", "1h05"]);
    expect([400, 99_000, 150_000, 7_200_000].map(agoText)).toEqual(["0 s", "99 s", "3 min", "2 h"]);
  });
});

describe("type size", () => {
  it("is what can be read from where people stand", () => {
    // 16 minutes of arc at 1080p: the table of minimum sizes that the display was designed with.
    const table: [number, number, number][] = [
      [21.5, 2, 52],
      [27, 1.5, 31],
      [32, 2, 35],
      [32, 3, 52],
      [43, 2, 26],
    ];
    for (const [panelInches, distanceMetres, minimum] of table) {
      const size = wantedUnit({ panelInches, distanceMetres }, 1920, 1080);
      expect(size).toBeGreaterThanOrEqual(minimum);
      expect(size).toBeLessThan(minimum * 1.07);
      expect(readableMetres(size, panelInches, 1920, 1080)).toBeGreaterThan(distanceMetres);
    }
  });

  it("is never larger than the cells can hold", () => {
    const viewing = { panelInches: 21.5, distanceMetres: 3 };
    const size = unit(viewing, { width: 376, height: 464 }, 1920, 1080);
    expect(size).toBeLessThan(376 / 10);
    expect(readableMetres(size, 21.5, 1920, 1080)).toBeLessThan(3);
  });
});

describe("keys", () => {
  const read = (...keys: (string | [string, boolean])[]) => {
    const reader = new KeyReader();
    let now = 0;
    return keys.map((key) => {
      now += 100;
      return typeof key === "string" ? reader.read(key, false, now) : reader.read(key[0], key[1], now);
    });
  };

  it("bump by place: 1 to 9, and 0 then a digit for 10 to 19", () => {
    expect(read("1", "9")).toEqual([
      { kind: "bump", slot: 0 },
      { kind: "bump", slot: 8 },
    ]);
    expect(read("0", "0")[1]).toEqual({ kind: "bump", slot: 9 });
    expect(read("0", "1")[1]).toEqual({ kind: "bump", slot: 10 });
    expect(read("0", "9")[1]).toEqual({ kind: "bump", slot: 18 });
  });

  it("forget a 0 that nothing follows", () => {
    const reader = new KeyReader();
    reader.read("0", false, 0);
    expect(reader.read("1", false, 2_000)).toEqual({ kind: "bump", slot: 0 });
  });

  it("tell recall from the recall list by the shift key, whatever caps lock says", () => {
    const kinds = read(["r", false], ["R", true], ["R", false], ["r", true]).map((action) => action?.kind);
    expect(kinds).toEqual(["recallLast", "recallList", "recallLast", "recallList"]);
  });

  it("do all that the help says", () => {
    const kinds = read("a", "s", "m", "e", "?", "PageUp", "PageDown", "Enter", " ", "ArrowLeft", "q").map(
      (a) => a?.kind,
    );
    expect(kinds).toEqual([
      "allDay",
      "station",
      "mute",
      "eightySix",
      "help",
      "pageUp",
      "pageDown",
      "bumpSelected",
      "startSelected",
      "move",
      undefined,
    ]);
  });

  it("can be given to other actions: a bump bar is a keyboard", () => {
    const reader = new KeyReader({ ...DEFAULT_KEYS, F1: "slot3" });
    expect(reader.read("F1", false, 0)).toEqual({ kind: "bump", slot: 2 } satisfies Action);
  });
});

describe("the guard against the wrong ticket", () => {
  it("does not listen for a moment where somebody else's bump moved another ticket in", () => {
    const guard = new SlotGuard();
    guard.show(["a", "b", "c"], 0, false);
    guard.show(["b", "c"], 1_000, false);
    expect(guard.allows("b", 1_200)).toBe(false);
    expect(guard.allows("b", 1_500)).toBe(true);
  });

  it("lets a cook bump one after the other, but not twice by one bounce", () => {
    const guard = new SlotGuard();
    guard.show(["a", "b"], 0, false);
    guard.show(["b"], 1_000, true);
    expect(guard.allows("b", 1_050)).toBe(false);
    expect(guard.allows("b", 1_200)).toBe(true);
  });

  it("listens at once where nothing stood before", () => {
    const guard = new SlotGuard();
    guard.show(["a"], 0, false);
    guard.show(["a", "b"], 1_000, false);
    expect(guard.allows("b", 1_001)).toBe(true);
  });
});

describe("sounds", () => {
  const isExpo = (id: string) => STATIONS.find((each) => each.id === id)?.kind === 2;
  const before = new Map([["o1/grill", ticket("o1", 1)]]);
  const heard = (cause: Cause, tickets = [ticket("o1", 2)], removedTicketIds: string[] = []) =>
    signalOf(change({ cause, tickets, removedTicketIds }), before, isExpo);

  it("tell apart what is new, what changed and what is void", () => {
    expect(heard(Cause.NEW, [ticket("o2", 1)])).toBe("new");
    expect(heard(Cause.FIRED, [ticket("o2", 2)])).toBe("new");
    expect(heard(Cause.CHANGED)).toBe("changed");
    expect(heard(Cause.CHANGED, [ticket("o3", 2)])).toBe("new");
    expect(heard(Cause.VOIDED)).toBe("void");
    expect(heard(Cause.VOIDED, [], ["o1/grill"])).toBe("void");
  });

  it("are silent for what concerns no ticket of this screen", () => {
    expect(heard(Cause.NEW, [])).toBeUndefined();
    expect(heard(Cause.BUMPED)).toBeUndefined();
    expect(heard(Cause.VOIDED, [], ["o9/fry"])).toBeUndefined();
  });

  it("ring at expo when the last station is done, once", () => {
    const ready = ticket("o5", 3, { at: "expo", allReady: true });
    expect(heard(Cause.READY, [ready])).toBe("ready");
    expect(
      signalOf(change({ cause: Cause.BUMPED, tickets: [ready] }), new Map([[ready.id, ready]]), isExpo),
    ).toBeUndefined();
  });
});

describe("freshness", () => {
  const live = { state: "live" } as const;
  const broken = { state: "waiting", attempt: 1, reason: "" } as const;

  it("is lost after five seconds of silence, whatever the connection says", () => {
    expect(freshness({ at: 0, asOf: 0 }, live, 4_900, 4_900).stale).toBe(false);
    expect(freshness({ at: 0, asOf: 0 }, live, 5_000, 5_000)).toMatchObject({ stale: true, why: "silent" });
  });

  it("is lost sooner when the connection is known to be broken, but not for a blink", () => {
    expect(freshness({ at: 0, asOf: 0 }, broken, 1_000, 1_000).stale).toBe(false);
    expect(freshness({ at: 0, asOf: 0 }, broken, 3_000, 3_000).stale).toBe(true);
  });

  it("is lost on a live connection whose log stands still", () => {
    const heard = { at: 60_000, asOf: 50_000 };
    expect(freshness(heard, live, 60_100, 60_100)).toMatchObject({ stale: true, why: "behind", ageMs: 10_100 });
  });

  it("was never there before the server spoke, also with tickets from before a reload", () => {
    expect(freshness({ at: undefined, asOf: 1_000 }, broken, 0, 61_000)).toEqual({
      stale: true,
      why: "never",
      ageMs: 60_000,
    });
  });
});
