import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@muster/sdk/gen/google/rpc/error_details_pb";
import type { KitchenResult } from "@muster/sdk/gen/muster/orders/v1/kitchen_service_pb";
import { KitchenResultSchema } from "@muster/sdk/gen/muster/orders/v1/kitchen_service_pb";
import type { StockLevel } from "@muster/sdk/gen/muster/orders/v1/menu_pb";
import { ItemChangeSchema, PrepState, VoidedSchema } from "@muster/sdk/gen/muster/orders/v1/order_pb";
import {
  DiningOption,
  RouteStepSchema,
  type Station,
  StationKind,
  StationSchema,
} from "@muster/sdk/gen/muster/orders/v1/station_pb";
import {
  AlsoAtSchema,
  type Ticket,
  type TicketItem,
  TicketItemSchema,
  TicketSchema,
  TicketState,
} from "@muster/sdk/gen/muster/orders/v1/ticket_pb";
import { KitchenChangeCause as Cause } from "@muster/sdk/gen/muster/orders/v1/watch_pb";
import type { SimItem, SimOrder } from "./order.ts";

export const LOCATION = "00000000-0000-4000-8000-00000000000a";
export const uuid = (): string => crypto.randomUUID();

export interface Happening {
  cause: Cause;
  orderId: string;
  stationId: string;
  tickets: Ticket[];
  removed: string[];
  stock: StockLevel[];
}

const station = (id: number, name: string, kind: StationKind, more: Partial<Station> = {}): Station =>
  create(StationSchema, {
    id: `00000000-0000-4000-8000-0000000000${id}`,
    locationId: LOCATION,
    name,
    kind,
    warnAfterSeconds: 300,
    lateAfterSeconds: 480,
    sort: id,
    version: 1n,
    ...more,
  });

export const GRILL = station(11, "GRILL", StationKind.PREP, { defaultStation: true });
export const FRY = station(12, "FRY", StationKind.PREP);
export const EXPO = station(19, "EXPO", StationKind.EXPO);

/** A small restaurant that lives in memory and behaves as the contract says. For tests alone. */
export class Shop {
  readonly stations = [GRILL, FRY, EXPO];
  readonly orders = new Map<string, SimOrder>();
  readonly done: { ticket: Ticket; at: number }[] = [];
  readonly stock = new Map<string, StockLevel>();
  /** Answers by idempotency key, as the server keeps them; and how often each key came. */
  readonly answers = new Map<string, unknown>();
  readonly seenKeys = new Map<string, number>();
  readonly applied: string[] = [];
  private readonly listeners = new Set<(happening: Happening) => void>();
  private numbers = 0;

  listen(listener: (happening: Happening) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  place(items: Partial<SimItem>[], more: Partial<SimOrder> = {}): SimOrder {
    this.numbers += 1;
    const order: SimOrder = {
      id: uuid(),
      number: this.numbers,
      dining: DiningOption.DINE_IN,
      table: String(this.numbers),
      guest: "",
      server: "Ana",
      notes: "",
      held: [],
      placedAt: Date.now(),
      version: 1n,
      ...more,
      items: items.map((item) => simItem(item, more.placedAt ?? Date.now())),
    };
    this.orders.set(order.id, order);
    this.tell(order, Cause.NEW, "", new Set());
    return order;
  }

  add(order: SimOrder, item: Partial<SimItem>): void {
    const before = this.open(order);
    order.items.push({ ...simItem(item, Date.now()), change: { kind: 1, text: "" } });
    order.version += 1n;
    this.tell(order, Cause.CHANGED, "", before);
  }

  change(order: SimOrder, item: SimItem, text: string, more: Partial<SimItem> = {}): void {
    const before = this.open(order);
    Object.assign(item, more, { change: { kind: 2, text } });
    order.version += 1n;
    this.tell(order, Cause.CHANGED, "", before);
  }

  void(order: SimOrder, item: SimItem, reason = "guest left"): void {
    const before = this.open(order);
    item.voided = reason;
    order.version += 1n;
    this.tell(order, Cause.VOIDED, "", before);
  }

  /** Does something to lines at a station and tells everybody. What is so already changes nothing. */
  act(
    orderId: string,
    stationId: string,
    itemIds: string[],
    cause: Cause,
    act: (item: SimItem) => boolean,
  ): KitchenResult {
    const order = this.find(orderId);
    const before = this.open(order);
    const chosen = order.items.filter((item) => itemIds.length === 0 || itemIds.includes(item.id));
    const changed = chosen.map(act).some(Boolean);
    if (changed) {
      order.version += 1n;
      this.tell(order, cause, stationId, before);
    }
    const tickets = this.tickets(order).filter((ticket) => ticket.state === TicketState.OPEN);
    const open = new Set(tickets.map((ticket) => ticket.id));
    const removedTicketIds = this.stations.map((each) => `${order.id}/${each.id}`).filter((id) => !open.has(id));
    return create(KitchenResultSchema, { orderId, orderVersion: order.version, tickets, removedTicketIds });
  }

  find(orderId: string): SimOrder {
    const order = this.orders.get(orderId);
    if (!order) throw refuse(Code.NotFound, "ORDER_NOT_FOUND", "There is no such order.");
    return order;
  }

  allOpen(): Ticket[] {
    const tickets = [...this.orders.values()].flatMap((order) => this.tickets(order));
    return tickets.filter((ticket) => ticket.state === TicketState.OPEN);
  }

  setStock(level: StockLevel): void {
    this.stock.set(level.menuItemId, level);
    this.emit({ cause: Cause.STOCK, orderId: "", stationId: "", tickets: [], removed: [], stock: [level] });
  }

  tickets(order: SimOrder): Ticket[] {
    return this.stations.flatMap((each) => {
      const expo = each.kind === StationKind.EXPO;
      const lines = order.items.filter((item) => expo || item.stations.includes(each.id));
      if (lines.length === 0) return [];
      return [this.ticket(order, each, lines, expo)];
    });
  }

  private ticket(order: SimOrder, at: Station, lines: SimItem[], expo: boolean): Ticket {
    const items = lines.map((line) => this.line(line, at, expo));
    const open = items.some((item) => item.state !== PrepState.DONE);
    const live = lines.filter((line) => !line.voided);
    const fired = Math.min(...lines.map((line) => line.firedAt));
    return create(TicketSchema, {
      id: `${order.id}/${at.id}`,
      orderId: order.id,
      stationId: at.id,
      number: order.number,
      diningOption: order.dining,
      table: order.table,
      guestName: order.guest,
      serverName: order.server,
      covers: 2,
      notes: order.notes,
      placedAt: timestampFromMs(order.placedAt),
      firedAt: timestampFromMs(fired),
      items,
      heldCourses: order.held,
      orderVersion: order.version,
      state: open ? TicketState.OPEN : TicketState.DONE,
      ...(open ? {} : { bumpedAt: timestampFromMs(Date.now()) }),
      allReady: live.length > 0 && live.every((line) => isReady(line)),
      channel: "pos",
    });
  }

  private line(line: SimItem, at: Station, expo: boolean): TicketItem {
    const here = expo ? line.handedOut : (line.states.get(at.id) ?? PrepState.NEW);
    const others = line.stations.filter((id) => id !== at.id);
    return create(TicketItemSchema, {
      itemId: line.id,
      menuItemId: line.menuItemId,
      name: line.name,
      quantity: line.quantity,
      modifiers: line.modifiers.map((name) => ({ modifierId: uuid(), name, kitchenName: name, quantity: 1 })),
      seat: line.seat,
      notes: line.notes,
      guestAllergies: line.allergies,
      conflicts: line.conflicts,
      state: here,
      needsAcknowledgement: !expo && line.allergies.length > 0 && !line.acknowledged.has(at.id),
      ready: isReady(line),
      alsoAt: others.map((id) =>
        create(AlsoAtSchema, {
          stationId: id,
          name: this.stations.find((each) => each.id === id)?.name ?? "",
          state: line.states.get(id) ?? PrepState.NEW,
        }),
      ),
      route: [create(RouteStepSchema, { kind: 1, text: `rule 'Usual' matched ${line.name} → ${at.name}` })],
      ...(line.change ? { change: create(ItemChangeSchema, { ...line.change, at: timestampFromMs(Date.now()) }) } : {}),
      ...(line.voided ? { voided: create(VoidedSchema, { reason: line.voided }) } : {}),
      firedAt: timestampFromMs(line.firedAt),
    });
  }

  private open(order: SimOrder): Set<string> {
    const tickets = this.tickets(order).filter((ticket) => ticket.state === TicketState.OPEN);
    return new Set(tickets.map((ticket) => ticket.id));
  }

  private tell(order: SimOrder, cause: Cause, stationId: string, before: Set<string>): void {
    const all = this.tickets(order);
    const tickets = all.filter((ticket) => ticket.state === TicketState.OPEN);
    const open = new Set(tickets.map((ticket) => ticket.id));
    const removed = [...before].filter((id) => !open.has(id));
    for (const ticket of all) if (removed.includes(ticket.id)) this.done.unshift({ ticket, at: Date.now() });
    this.emit({ cause, orderId: order.id, stationId, tickets, removed, stock: [] });
  }

  private emit(happening: Happening): void {
    for (const listener of this.listeners) listener(happening);
  }
}

export function refuse(code: Code, reason: string, message: string): ConnectError {
  return new ConnectError(message, code, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: "muster.app", metadata: {} } },
  ]);
}

export function isReady(line: SimItem): boolean {
  return line.stations.every((id) => line.states.get(id) === PrepState.DONE);
}

/** The same dish is the same item of the menu. */
function menuId(name: string): string {
  const hex = Buffer.from(name).toString("hex").padEnd(12, "0").slice(0, 12);
  return `00000000-0000-4000-8000-${hex}`;
}

function simItem(item: Partial<SimItem>, firedAt: number): SimItem {
  return {
    id: uuid(),
    menuItemId: menuId(item.name ?? "Burger"),
    name: "Burger",
    quantity: 1,
    modifiers: [],
    seat: 0,
    notes: "",
    allergies: [],
    conflicts: [],
    stations: [GRILL.id],
    states: new Map(),
    acknowledged: new Set(),
    handedOut: PrepState.NEW,
    firedAt,
    ...item,
  };
}
