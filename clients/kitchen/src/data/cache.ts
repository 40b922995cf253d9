import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Ticket, TicketSchema } from "#gen/muster/orders/v1/ticket_pb";
import { type KitchenSnapshot, KitchenSnapshotSchema } from "#gen/muster/orders/v1/watch_pb";
import { type Board, EMPTY_BOARD } from "../model/board.ts";
import type { KitchenDb } from "./db.ts";

export interface Remembered {
  board: Board;
  asOf: number;
}

/** Keeps the tickets across a reload. Writes only what changed, so that a busy hour costs little. */
export class TicketCache {
  private saved: ReadonlyMap<string, Ticket> = new Map();
  private queue: Promise<void> = Promise.resolve();

  constructor(
    private readonly db: KitchenDb,
    private readonly screen: string,
  ) {}

  async load(stationIds: readonly string[]): Promise<Remembered | undefined> {
    const seen = await this.db.get("seen", this.screen);
    if (!seen || seen.stationIds.join() !== stationIds.join()) return undefined;
    const rows = await this.db.getAll("tickets", this.range());
    const snapshot = fromBinary(KitchenSnapshotSchema, seen.bytes);
    const tickets = rows.map((bytes) => fromBinary(TicketSchema, bytes));
    const board: Board = {
      ...EMPTY_BOARD,
      locationName: snapshot.locationName,
      timeZone: snapshot.timeZone,
      stations: snapshot.stations,
      tickets: new Map(tickets.map((ticket) => [ticket.id, ticket])),
      stock: new Map(snapshot.stock.map((level) => [level.menuItemId, level])),
      leftOut: snapshot.ordersLeftOut,
    };
    this.saved = board.tickets;
    return { board, asOf: seen.asOf };
  }

  save(board: Board, asOf: number, stationIds: readonly string[]): Promise<void> {
    this.queue = this.queue.then(() => this.write(board, asOf, stationIds)).catch(() => undefined);
    return this.queue;
  }

  async forget(): Promise<void> {
    const tx = this.db.transaction(["seen", "tickets"], "readwrite");
    void tx.objectStore("seen").delete(this.screen);
    void tx.objectStore("tickets").delete(this.range());
    this.saved = new Map();
    await tx.done;
  }

  private async write(board: Board, asOf: number, stationIds: readonly string[]): Promise<void> {
    const meta: KitchenSnapshot = create(KitchenSnapshotSchema, {
      locationName: board.locationName,
      timeZone: board.timeZone,
      stations: [...board.stations],
      stock: [...board.stock.values()],
      ordersLeftOut: board.leftOut,
    });
    const tx = this.db.transaction(["seen", "tickets"], "readwrite");
    const tickets = tx.objectStore("tickets");
    // The first write of a run that did not load starts clean.
    if (this.saved.size === 0) void tickets.delete(this.range());
    for (const [id, ticket] of board.tickets) {
      if (this.saved.get(id) !== ticket) void tickets.put(toBinary(TicketSchema, ticket), this.key(id));
    }
    for (const id of this.saved.keys()) if (!board.tickets.has(id)) void tickets.delete(this.key(id));
    const record = { bytes: toBinary(KitchenSnapshotSchema, meta), asOf, stationIds: [...stationIds] };
    void tx.objectStore("seen").put(record, this.screen);
    await tx.done;
    this.saved = board.tickets;
  }

  private key(id: string): string {
    return `${this.screen}|${id}`;
  }

  private range(): IDBKeyRange {
    return IDBKeyRange.bound(`${this.screen}|`, `${this.screen}|\uffff`);
  }
}
