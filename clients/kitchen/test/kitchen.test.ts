import { EXPO, FRY, GRILL } from "@muster/e2e/sim/shop";
import { Allergen } from "@muster/sdk/gen/muster/orders/v1/allergen_pb";
import { PrepState } from "@muster/sdk/gen/muster/orders/v1/order_pb";
import { IdbOutboxStore } from "@muster/sdk/outbox-idb";
import { afterEach, describe, expect, it, vi } from "vitest";
import { StockState } from "#gen/muster/orders/v1/menu_pb";
import { TicketCache } from "../src/data/cache.ts";
import { openKitchenDb } from "../src/data/db.ts";
import { Rig, settled } from "./rig.ts";

let rig: Rig;
afterEach(() => rig.close());

/** Every view that the store ever showed, as ticket numbers. */
function film(): number[][] {
  const frames: number[][] = [];
  rig.kitchen.store.subscribe(() => frames.push(rig.numbers));
  return frames;
}

describe("a bump", () => {
  it("takes the ticket off at once, and it never flickers back", async () => {
    rig = await new Rig().open();
    rig.shop.place([{ name: "Burger" }]);
    rig.shop.place([{ name: "Steak" }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1, 2]));
    const frames = film();
    rig.cook.bump(rig.card(1));
    expect(rig.numbers).toEqual([2]);
    await settled(rig);
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(frames.every((frame) => !frame.includes(1))).toBe(true);
    expect(rig.shop.applied).toEqual(["BumpItems"]);
  });

  it("is kept while the network is gone, and sent once and in order when it is back", async () => {
    rig = await new Rig().open();
    for (let n = 0; n < 5; n += 1) rig.shop.place([{ name: "Burger" }]);
    await vi.waitFor(() => expect(rig.numbers).toHaveLength(5));
    rig.cut = true;
    const frames = film();
    for (const number of [3, 1, 2]) rig.cook.bump(rig.card(number));
    expect(rig.numbers).toEqual([4, 5]);
    frames.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(rig.state.queued).toBe(3);
    rig.cut = false;
    await settled(rig);
    expect(rig.shop.applied).toEqual(["BumpItems", "BumpItems", "BumpItems"]);
    expect(rig.shop.done.map(({ ticket }) => ticket.number).filter((n) => n <= 3)).toHaveLength(3);
    expect(frames.at(-1)).toEqual([4, 5]);
    expect(frames.every((frame) => !frame.some((n) => n <= 3))).toBe(true);
  });

  it("whose answer was lost is asked again with the same key, and done once", async () => {
    rig = await new Rig().open();
    rig.shop.place([{ name: "Burger" }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1]));
    rig.loseAnswers = true;
    rig.cook.bump(rig.card(1));
    await vi.waitFor(() => expect(Math.max(...rig.shop.seenKeys.values())).toBeGreaterThan(1));
    rig.loseAnswers = false;
    await settled(rig);
    expect(rig.shop.applied).toEqual(["BumpItems"]);
    expect(rig.shop.seenKeys.size).toBe(1);
  });

  it("never swallows a line that came after the cook looked", async () => {
    rig = await new Rig().open();
    const order = rig.shop.place([{ name: "Burger" }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1]));
    rig.cut = true;
    rig.cook.bump(rig.card(1));
    rig.shop.add(order, { name: "Late fries" });
    rig.cut = false;
    await settled(rig);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1]));
    const left = rig.card(1).ticket.items.filter((item) => item.state !== PrepState.DONE);
    expect(left.map((item) => item.name)).toEqual(["Late fries"]);
  });

  it("that the server refuses brings the ticket back and asks for attention; nothing is dropped", async () => {
    rig = await new Rig().open();
    const order = rig.shop.place([{ name: "Burger" }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1]));
    const card = rig.card(1);
    order.items[0]?.allergies.push(Allergen.PEANUTS);
    rig.cook.bump(card);
    await vi.waitFor(() => expect(rig.state.attention).toHaveLength(1));
    expect(rig.numbers).toEqual([1]);
    const [row] = rig.state.attention;
    expect(row).toMatchObject({ reason: "ALLERGY_NOT_ACKNOWLEDGED", label: "Bump order 1" });
    order.items[0]?.acknowledged.add(GRILL.id);
    if (row) rig.kitchen.retry(row);
    await settled(rig);
    await vi.waitFor(() => expect(rig.state.attention).toHaveLength(0));
    expect(rig.numbers).toEqual([]);
  });
});

describe("undo", () => {
  it("of what was not sent is never sent", async () => {
    rig = await new Rig().open();
    rig.shop.place([{ name: "Burger" }]);
    rig.shop.place([{ name: "Burger" }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1, 2]));
    rig.cut = true;
    rig.cook.bump(rig.card(1));
    await vi.waitFor(async () => expect((await rig.outbox.rows())[0]?.tries).toBeGreaterThan(0));
    rig.cook.bump(rig.card(2));
    await rig.cook.undo();
    expect(rig.numbers).toEqual([2]);
    rig.cut = false;
    await settled(rig);
    expect(rig.shop.applied).toEqual(["BumpItems"]);
  });

  it("of what was sent takes it back at the server, and shows it at once", async () => {
    rig = await new Rig().open();
    rig.shop.place([{ name: "Burger" }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1]));
    rig.cook.bump(rig.card(1));
    await settled(rig);
    const frames = film();
    await rig.cook.undo();
    expect(rig.numbers).toEqual([1]);
    await settled(rig);
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(rig.shop.applied).toEqual(["BumpItems", "UnbumpItems"]);
    const first = frames.findIndex((frame) => frame.includes(1));
    expect(frames.slice(first).every((frame) => frame.includes(1))).toBe(true);
  });

  it("by recall goes back through what was bumped here", async () => {
    rig = await new Rig().open();
    for (let n = 0; n < 2; n += 1) rig.shop.place([{ name: "Burger" }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1, 2]));
    rig.cook.bump(rig.card(1));
    rig.cook.bump(rig.card(2));
    await settled(rig);
    rig.cook.settled();
    expect(rig.cook.recallLast()).toBe(true);
    expect(rig.numbers).toEqual([2]);
    expect(rig.cook.recallLast()).toBe(true);
    expect(rig.cook.recallLast()).toBe(false);
    await settled(rig);
    expect(rig.numbers).toEqual([1, 2]);
  });
});

describe("what needs a look first", () => {
  it("an allergy is acknowledged before its ticket is bumped", async () => {
    rig = await new Rig().open();
    rig.shop.place([{ name: "Satay", allergies: [Allergen.PEANUTS] }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1]));
    expect(rig.cook.bump(rig.card(1))).toBe("allergy");
    expect(rig.state.intents).toEqual([]);
    rig.cook.acknowledge(rig.card(1), rig.card(1).ticket.items);
    expect(rig.cook.bump(rig.card(1))).toBeUndefined();
    await settled(rig);
    expect(rig.shop.applied).toEqual(["AcknowledgeAllergies", "BumpItems"]);
    expect(rig.state.attention).toEqual([]);
  });

  it("expo waits for the stations, and can hand out all the same", async () => {
    rig = await new Rig([EXPO.id]).open();
    const order = rig.shop.place([{ name: "Burger" }, { name: "Fries", stations: [FRY.id] }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1]));
    expect(rig.cook.bump(rig.card(1))).toBe("not-ready");
    rig.shop.act(order.id, GRILL.id, [], 5, (item) => {
      if (item.stations.includes(GRILL.id)) item.states.set(GRILL.id, PrepState.DONE);
      return true;
    });
    await vi.waitFor(() => expect(rig.card(1).ticket.items.filter((item) => item.ready)).toHaveLength(1));
    expect(rig.cook.bump(rig.card(1), true)).toBeUndefined();
    await settled(rig);
    expect(rig.numbers).toEqual([]);
    expect(rig.state.attention).toEqual([]);
  });
});

describe("the feed", () => {
  it("goes on after a cut without a gap or a repeat", async () => {
    rig = await new Rig().open();
    rig.shop.place([{ name: "Burger" }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1]));
    rig.cut = true;
    rig.feed.restart();
    for (let n = 0; n < 20; n += 1) rig.shop.place([{ name: "Burger" }]);
    rig.cut = false;
    await vi.waitFor(() => expect(rig.numbers).toHaveLength(21), { timeout: 3_000 });
    expect(new Set(rig.numbers).size).toBe(21);
  });

  it("rings for what came while it was deaf, but not for what hung there at the start", async () => {
    rig = new Rig();
    rig.shop.place([{ name: "Old" }]);
    await rig.open();
    await vi.waitFor(() => expect(rig.numbers).toEqual([1]));
    expect(rig.signals).toEqual([]);
    rig.hub.kept = 0;
    rig.cut = true;
    rig.feed.restart();
    rig.shop.place([{ name: "Missed" }]);
    rig.cut = false;
    await vi.waitFor(() => expect(rig.numbers).toEqual([1, 2]), { timeout: 3_000 });
    expect(rig.signals).toEqual(["new"]);
    expect(rig.state.unseen.size).toBe(1);
    rig.kitchen.seen(rig.state.unseen);
    expect(rig.state.unseen.size).toBe(0);
  });

  it("tells ages by the server's clock", async () => {
    rig = await new Rig().open();
    await vi.waitFor(() => expect(rig.clock.known).toBe(true));
    expect(Math.abs(rig.clock.now() - Date.now())).toBeLessThan(500);
  });
});

it("86 shows at once and reaches the server", async () => {
  rig = await new Rig().open();
  const id = crypto.randomUUID();
  rig.cook.setStock(id, "Burger", StockState.OUT, 0);
  expect(rig.state.intents).toMatchObject([{ kind: "stock", menuItemId: id, state: StockState.OUT }]);
  await settled(rig);
  expect(rig.state.board.stock.get(id)?.state).toBe(StockState.OUT);
});

describe("a reload", () => {
  it("still hides what was bumped before it and was not sent, and sends it", async () => {
    const name = `outbox-${crypto.randomUUID()}`;
    rig = await new Rig([GRILL.id], await IdbOutboxStore.open(name)).open();
    rig.shop.place([{ name: "Burger" }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1]));
    rig.cut = true;
    rig.cook.bump(rig.card(1));
    await vi.waitFor(async () => expect(await rig.outbox.rows()).toHaveLength(1));
    const board = rig.state.board;
    rig.close();

    rig = new Rig([GRILL.id], await IdbOutboxStore.open(name));
    rig.cut = true;
    rig.kitchen.store.set({ board, remembered: true });
    await rig.kitchen.start();
    expect(rig.numbers).toEqual([]);
    expect(rig.state.queued).toBe(1);
  });

  it("with the server down shows the last tickets", async () => {
    rig = await new Rig().open();
    rig.shop.place([{ name: "Burger", modifiers: ["No onion"] }]);
    const gone = rig.shop.place([{ name: "Steak" }]);
    await vi.waitFor(() => expect(rig.numbers).toEqual([1, 2]));
    const db = await openKitchenDb();
    const cache = new TicketCache(db, "main");
    await cache.save(rig.state.board, 5_000, [GRILL.id]);
    rig.shop.act(gone.id, GRILL.id, [], 5, (item) => {
      item.states.set(GRILL.id, PrepState.DONE);
      return true;
    });
    await vi.waitFor(() => expect(rig.numbers).toEqual([1]));
    await cache.save(rig.state.board, 6_000, [GRILL.id]);

    const found = await new TicketCache(db, "main").load([GRILL.id]);
    expect(found?.asOf).toBe(6_000);
    expect([...(found?.board.tickets.values() ?? [])]).toEqual([...rig.state.board.tickets.values()]);
    expect(found?.board.stations.map((station) => station.name)).toEqual(["GRILL", "FRY", "EXPO"]);
    expect(await new TicketCache(db, "main").load([FRY.id])).toBeUndefined();
    expect(await new TicketCache(db, "second").load([GRILL.id])).toBeUndefined();
    db.close();
  });
});
