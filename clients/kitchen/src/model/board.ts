import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { KitchenResult } from "#gen/muster/orders/v1/kitchen_service_pb";
import type { StockLevel } from "#gen/muster/orders/v1/menu_pb";
import type { Station } from "#gen/muster/orders/v1/station_pb";
import type { Ticket } from "#gen/muster/orders/v1/ticket_pb";
import type { KitchenChange, KitchenSnapshot } from "#gen/muster/orders/v1/watch_pb";

/** What the server has told, from the stream and from answers to commands. Never changed in place. */
export interface Board {
  locationName: string;
  timeZone: string;
  stations: readonly Station[];
  tickets: ReadonlyMap<string, Ticket>;
  stock: ReadonlyMap<string, StockLevel>;
  /** The newest version of each order that was seen: what is older is an echo. */
  versions: ReadonlyMap<string, bigint>;
  /** Orders of which an answer told more than the stream has so far. */
  ahead: ReadonlyMap<string, Ahead>;
  /** Open orders that are too old for the server to show. */
  leftOut: number;
}

interface Ahead {
  version: bigint;
  until: number;
}

/** How long an answer may be ahead of the stream before the stream is believed again. */
const AHEAD_MS = 3_000;
/** Versions of orders that left the screen are kept for late echoes, but not for ever. */
const KEPT_VERSIONS = 2_000;

export const EMPTY_BOARD: Board = {
  locationName: "",
  timeZone: "",
  stations: [],
  tickets: new Map(),
  stock: new Map(),
  versions: new Map(),
  ahead: new Map(),
  leftOut: 0,
};

export function foldSnapshot(board: Board, snapshot: KitchenSnapshot, now: number): Board {
  const ahead = alive(board.ahead, now);
  const tickets = new Map<string, Ticket>();
  const versions = new Map<string, bigint>();
  for (const ticket of snapshot.tickets) {
    const lead = ahead.get(ticket.orderId);
    // What an answer told is newer than this snapshot. What the snapshot leaves out is gone all the same: a ticket that
    // is missing for a moment comes back with the next change, a ghost would stay for ever.
    const kept = lead && ticket.orderVersion < lead.version ? board.tickets.get(ticket.id) : ticket;
    if (!kept) continue;
    tickets.set(kept.id, kept);
    raise(versions, kept);
  }
  for (const [orderId, lead] of ahead) versions.set(orderId, lead.version);
  return {
    locationName: snapshot.locationName,
    timeZone: snapshot.timeZone,
    stations: snapshot.stations,
    tickets,
    stock: new Map(snapshot.stock.map((level) => [level.menuItemId, level])),
    versions,
    ahead,
    leftOut: snapshot.ordersLeftOut,
  };
}

export function foldChange(board: Board, change: KitchenChange, now: number): Board {
  const ahead = new Map(alive(board.ahead, now));
  const tickets = new Map(board.tickets);
  const versions = new Map(board.versions);
  for (const ticket of change.tickets) {
    const lead = ahead.get(ticket.orderId);
    if (lead && ticket.orderVersion >= lead.version) ahead.delete(ticket.orderId);
    if (ticket.orderVersion < (versions.get(ticket.orderId) ?? 0n)) continue;
    tickets.set(ticket.id, ticket);
    raise(versions, ticket);
  }
  const { orderId, orderVersion } = change;
  // A server of before tells no version: then a removal that comes while an answer is ahead is taken for an older echo.
  const isEcho = orderVersion > 0n ? orderVersion < (versions.get(orderId) ?? 0n) : ahead.has(orderId);
  if (orderVersion >= (ahead.get(orderId)?.version ?? orderVersion + 1n)) ahead.delete(orderId);
  if (orderVersion > (versions.get(orderId) ?? 0n)) versions.set(orderId, orderVersion);
  for (const id of change.removedTicketIds) {
    // Another order's ticket makes room for this one.
    if (!isEcho || (orderVersion > 0n && !id.startsWith(`${orderId}/`))) tickets.delete(id);
  }
  const stock = change.stock.length > 0 ? withStock(board.stock, change.stock) : board.stock;
  const stations = change.stations.length > 0 ? change.stations : board.stations;
  return {
    ...board,
    stations,
    stock,
    tickets,
    versions: prune(versions, tickets),
    ahead,
    leftOut: change.ordersLeftOut,
  };
}

/** Takes the answer to a command, so that what was done never flickers back while the stream catches up. */
export function foldAnswer(
  board: Board,
  result: KitchenResult,
  watches: (stationId: string) => boolean,
  now: number,
): Board {
  const { orderId, orderVersion } = result;
  if (orderVersion < (board.versions.get(orderId) ?? 0n)) return board;
  const tickets = new Map(board.tickets);
  for (const id of result.removedTicketIds) tickets.delete(id);
  for (const ticket of result.tickets) {
    if (ticket.orderVersion < orderVersion) continue;
    if (watches(ticket.stationId)) tickets.set(ticket.id, ticket);
  }
  const versions = new Map(board.versions).set(orderId, orderVersion);
  const ahead = new Map(alive(board.ahead, now));
  if (orderVersion > (board.versions.get(orderId) ?? 0n)) {
    ahead.set(orderId, { version: orderVersion, until: now + AHEAD_MS });
  }
  return { ...board, tickets, versions, ahead };
}

export function foldStock(board: Board, level: StockLevel): Board {
  return { ...board, stock: withStock(board.stock, [level]) };
}

function withStock(stock: ReadonlyMap<string, StockLevel>, levels: readonly StockLevel[]): Map<string, StockLevel> {
  const next = new Map(stock);
  for (const level of levels) {
    if (level.version >= (next.get(level.menuItemId)?.version ?? 0n)) next.set(level.menuItemId, level);
  }
  return next;
}

function alive(ahead: ReadonlyMap<string, Ahead>, now: number): ReadonlyMap<string, Ahead> {
  for (const lead of ahead.values()) {
    if (lead.until <= now) return new Map([...ahead].filter(([, each]) => each.until > now));
  }
  return ahead;
}

function raise(versions: Map<string, bigint>, ticket: Ticket): void {
  if (ticket.orderVersion > (versions.get(ticket.orderId) ?? 0n)) versions.set(ticket.orderId, ticket.orderVersion);
}

function prune(versions: Map<string, bigint>, tickets: ReadonlyMap<string, Ticket>): Map<string, bigint> {
  if (versions.size < KEPT_VERSIONS + tickets.size) return versions;
  const open = new Set([...tickets.values()].map((ticket) => ticket.orderId));
  for (const orderId of versions.keys()) {
    if (versions.size <= KEPT_VERSIONS / 2 + open.size) break;
    if (!open.has(orderId)) versions.delete(orderId);
  }
  return versions;
}

/** When a ticket's age began. */
export function firedMs(ticket: Ticket): number {
  const at = ticket.firedAt ?? ticket.placedAt;
  return at ? timestampMs(at) : 0;
}
