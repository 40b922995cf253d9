import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { KitchenResultSchema } from "#gen/muster/orders/v1/kitchen_service_pb";
import { StockLevelSchema } from "#gen/muster/orders/v1/menu_pb";
import { type Board, EMPTY_BOARD, foldAnswer, foldChange, foldSnapshot } from "../src/model/board.ts";
import { change, snapshot, ticket } from "./make.ts";

const all = () => true;
const shown = (board: Board) => [...board.tickets.values()].map((each) => `${each.id}@${each.orderVersion}`);
const result = (orderVersion: number, tickets: ReturnType<typeof ticket>[], removedTicketIds: string[] = []) =>
  create(KitchenResultSchema, { orderId: "o1", orderVersion: BigInt(orderVersion), tickets, removedTicketIds });

const start = (...tickets: ReturnType<typeof ticket>[]) => foldSnapshot(EMPTY_BOARD, snapshot(tickets), 0);

describe("the board", () => {
  it("is what the snapshot says, and nothing older", () => {
    const board = foldSnapshot(start(ticket("o1", 1), ticket("o2", 1)), snapshot([ticket("o3", 1)]), 0);
    expect(shown(board)).toEqual(["o3/grill@1"]);
  });

  it("takes tickets that come, change and go", () => {
    let board = start(ticket("o1", 1));
    board = foldChange(board, change({ number: 1n, orderId: "o2", tickets: [ticket("o2", 1)] }), 0);
    board = foldChange(board, change({ number: 2n, orderId: "o1", tickets: [ticket("o1", 2)] }), 0);
    expect(shown(board)).toEqual(["o1/grill@2", "o2/grill@1"]);
    board = foldChange(board, change({ number: 3n, orderId: "o1", removedTicketIds: ["o1/grill"] }), 0);
    expect(shown(board)).toEqual(["o2/grill@1"]);
  });

  it("does not take a ticket back to an older version", () => {
    const board = foldChange(start(ticket("o1", 5)), change({ orderId: "o1", tickets: [ticket("o1", 4)] }), 0);
    expect(shown(board)).toEqual(["o1/grill@5"]);
  });

  it("a bumped ticket does not flicker back by an echo that is older than the answer", () => {
    let board = start(ticket("o1", 5));
    board = foldAnswer(board, result(7, [], ["o1/grill"]), all, 0);
    board = foldChange(board, change({ orderId: "o1", tickets: [ticket("o1", 6)] }), 10);
    expect(shown(board)).toEqual([]);
    board = foldChange(board, change({ orderId: "o1", removedTicketIds: ["o1/grill"] }), 20);
    board = foldChange(board, change({ orderId: "o1", tickets: [ticket("o1", 8)] }), 30);
    expect(shown(board)).toEqual(["o1/grill@8"]);
  });

  it("a ticket that was brought back does not vanish by the echo of its bump", () => {
    let board = foldAnswer(start(ticket("o1", 5)), result(6, [], ["o1/grill"]), all, 0);
    board = foldAnswer(board, result(7, [ticket("o1", 7)]), all, 50);
    board = foldChange(board, change({ orderId: "o1", removedTicketIds: ["o1/grill"] }), 60);
    expect(shown(board)).toEqual(["o1/grill@7"]);
    board = foldChange(board, change({ orderId: "o1", tickets: [ticket("o1", 7)] }), 70);
    board = foldChange(board, change({ orderId: "o1", removedTicketIds: ["o1/grill"] }), 80);
    expect(shown(board)).toEqual([]);
  });

  it("takes a removal for what its version says", () => {
    let board = foldAnswer(start(ticket("o1", 5)), result(7, [ticket("o1", 7)]), all, 0);
    const gone = (orderVersion: bigint) =>
      foldChange(board, change({ orderId: "o1", orderVersion, removedTicketIds: ["o1/grill"] }), 10);
    expect(shown(gone(6n))).toEqual(["o1/grill@7"]);
    expect(shown(gone(7n))).toEqual([]);
    board = gone(8n);
    board = foldChange(board, change({ orderId: "o1", orderVersion: 7n, tickets: [ticket("o1", 7)] }), 20);
    expect(shown(board)).toEqual([]);
  });

  it("takes off what makes room for a new order, and says how many are not shown", () => {
    const removedTicketIds = ["o1/grill"];
    const tickets = [ticket("o2", 1)];
    const room = change({ orderId: "o2", orderVersion: 1n, tickets, removedTicketIds, ordersLeftOut: 3 });
    const board = foldChange(start(ticket("o1", 5)), room, 0);
    expect(shown(board)).toEqual(["o2/grill@1"]);
    expect(board.leftOut).toBe(3);
  });

  it("believes the stream again when an answer was ahead for too long", () => {
    let board = foldAnswer(start(ticket("o1", 5)), result(7, [ticket("o1", 7)]), all, 0);
    board = foldChange(board, change({ orderId: "o1", removedTicketIds: ["o1/grill"] }), 5_000);
    expect(shown(board)).toEqual([]);
  });

  it("a snapshot that is older than an answer does not undo it, and leaves no ghosts", () => {
    const bumped = foldAnswer(start(ticket("o1", 5)), result(7, [], ["o1/grill"]), all, 0);
    expect(shown(foldSnapshot(bumped, snapshot([ticket("o1", 6)]), 10))).toEqual([]);
    const back = foldAnswer(start(ticket("o1", 5)), result(7, [ticket("o1", 7)]), all, 0);
    expect(shown(foldSnapshot(back, snapshot([ticket("o1", 6)]), 10))).toEqual(["o1/grill@7"]);
    expect(shown(foldSnapshot(back, snapshot([]), 10))).toEqual([]);
  });

  it("takes from an answer only what this screen watches", () => {
    const fry = ticket("o1", 6, { at: "fry" });
    const board = foldAnswer(start(ticket("o1", 5)), result(6, [ticket("o1", 6), fry]), (id) => id === "grill", 0);
    expect(shown(board)).toEqual(["o1/grill@6"]);
  });

  it("keeps the newest level of stock", () => {
    const level = (version: number, remaining: number) =>
      create(StockLevelSchema, { menuItemId: "m", remaining, version: BigInt(version) });
    let board = foldChange(start(), change({ stock: [level(2, 5)] }), 0);
    board = foldChange(board, change({ stock: [level(1, 9)] }), 0);
    expect(board.stock.get("m")?.remaining).toBe(5);
  });

  it("does not remember versions of orders for ever", () => {
    let board = start();
    for (let n = 0; n < 5_000; n += 1) {
      const id = `o${n}`;
      board = foldChange(board, change({ orderId: id, tickets: [ticket(id, 1)] }), 0);
      board = foldChange(board, change({ orderId: id, removedTicketIds: [`${id}/grill`] }), 0);
    }
    expect(board.versions.size).toBeLessThan(2_500);
  });
});
