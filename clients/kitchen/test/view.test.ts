import { describe, expect, it } from "vitest";
import { PrepState } from "#gen/muster/orders/v1/order_pb";
import { DiningOption } from "#gen/muster/orders/v1/station_pb";
import type { Ticket } from "#gen/muster/orders/v1/ticket_pb";
import { allDay } from "../src/model/allday.ts";
import { EMPTY_BOARD, foldSnapshot } from "../src/model/board.ts";
import { type Intent, overlay } from "../src/model/intents.ts";
import { countBands, Viewer } from "../src/model/view.ts";
import { card, item, snapshot, ticket } from "./make.ts";

const map = (...tickets: Ticket[]) => new Map(tickets.map((each) => [each.id, each]));
const isExpo = (id: string) => id === "expo";
const two = () => ticket("o1", 1, { items: [item("a"), item("b")] });
const bump = (...itemIds: string[]): Intent => ({ key: "k", kind: "bump", ticketId: "o1/grill", itemIds });

describe("what was done here, over what the server told", () => {
  it("hides a ticket when all of it is bumped, and strikes what is bumped of the rest", () => {
    expect(overlay(map(two()), [bump("a", "b")], isExpo)).toEqual([]);
    const [shown] = overlay(map(two()), [bump("a")], isExpo);
    expect(shown?.ticket.items.map((each) => each.state)).toEqual([PrepState.DONE, PrepState.NEW]);
    expect(shown?.pending).toBe(true);
  });

  it("never hides a line that was not on the screen when the bump was made", () => {
    const grown = ticket("o1", 2, { items: [item("a"), item("b"), item("added-later")] });
    const [shown] = overlay(map(grown), [bump("a", "b")], isExpo);
    expect(shown?.ticket.items.filter((each) => each.state !== PrepState.DONE).map((each) => each.itemId)).toEqual([
      "added-later",
    ]);
  });

  it("shows a ticket again that was bumped and taken back, also when the server no longer lists it", () => {
    const undo: Intent = { key: "u", kind: "unbump", ticketId: "o1/grill", itemIds: ["a", "b"], ticket: two() };
    expect(overlay(map(two()), [bump("a", "b"), undo], isExpo)).toHaveLength(1);
    expect(overlay(map(), [undo], isExpo)).toHaveLength(1);
  });

  it("hands out at expo alone", () => {
    const expo = ticket("o1", 1, { at: "expo", items: [item("a")] });
    const grill = ticket("o1", 1, { items: [item("a")] });
    const shown = overlay(map(expo, grill), [{ key: "k", kind: "handOut", orderId: "o1", itemIds: ["a"] }], isExpo);
    expect(shown.map((each) => each.ticket.id)).toEqual(["o1/grill"]);
  });

  it("leaves untouched tickets the same objects", () => {
    const other = ticket("o2", 1);
    const shown = overlay(map(two(), other), [bump("a")], isExpo);
    expect(shown.find((each) => each.ticket.id === "o2/grill")?.ticket).toBe(other);
  });
});

describe("the cards", () => {
  const see = (viewer: Viewer, tickets: Ticket[], dining: DiningOption[] = []) =>
    viewer.view(foldSnapshot(EMPTY_BOARD, snapshot(tickets), 0), [], { dining }, new Set());
  const order = (view: { cards: readonly { ticket: Ticket }[] }) => view.cards.map((each) => each.ticket.orderId);

  it("stand oldest first", () => {
    const tickets = [
      ticket("o1", 1, { firedMs: 30 }),
      ticket("o2", 1, { firedMs: 10 }),
      ticket("o3", 1, { firedMs: 20 }),
    ];
    expect(order(see(new Viewer(), tickets))).toEqual(["o2", "o3", "o1"]);
  });

  it("keep their place when their oldest line is done", () => {
    const viewer = new Viewer();
    see(viewer, [ticket("o1", 1, { firedMs: 10 }), ticket("o2", 1, { firedMs: 20 })]);
    expect(order(see(viewer, [ticket("o1", 2, { firedMs: 90 }), ticket("o2", 1, { firedMs: 20 })]))).toEqual([
      "o1",
      "o2",
    ]);
  });

  it("are filtered by kind of order, and what is hidden is counted", () => {
    const tickets = [
      ticket("o1", 1, { diningOption: DiningOption.DELIVERY }),
      ticket("o2", 1, { diningOption: DiningOption.DINE_IN }),
    ];
    const view = see(new Viewer(), tickets, [DiningOption.DELIVERY]);
    expect(order(view)).toEqual(["o1"]);
    expect(view.hidden).toBe(1);
  });

  it("are counted by age", () => {
    const cards = [0, 300_000, 481_000].map((age, n) => card(ticket(`o${n}`, 1), { firedMs: 1_000_000 - age }));
    expect(countBands(cards, 1_000_000)).toEqual({ fresh: 1, due: 1, late: 1 });
  });
});

describe("all-day counts", () => {
  it("add up what is undone, with modifiers, and count a line once that two stations make", () => {
    const burger = (id: string, quantity: number, more = {}) =>
      item(id, {
        menuItemId: "burger",
        name: "Burger",
        quantity,
        modifiers: [{ modifierId: "no", kitchenName: "No onion", quantity: 1 }],
        ...more,
      });
    const lines = allDay([
      card(ticket("o1", 1, { items: [burger("a", 2), burger("b", 1, { state: PrepState.STARTED })] })),
      card(ticket("o1", 1, { at: "fry", items: [burger("a", 2)] })),
      card(ticket("o2", 1, { items: [burger("c", 9, { state: PrepState.DONE }), burger("d", 4, { voided: {} })] })),
    ]);
    expect(lines).toEqual([
      {
        id: "burger",
        name: "Burger",
        quantity: 3,
        started: 1,
        modifiers: [{ id: "no", name: "No onion", quantity: 3 }],
      },
    ]);
  });
});
