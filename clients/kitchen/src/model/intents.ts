import type { StockState } from "#gen/muster/orders/v1/menu_pb";
import { PrepState } from "#gen/muster/orders/v1/order_pb";
import { type Ticket, type TicketItem, TicketState } from "#gen/muster/orders/v1/ticket_pb";

/** Something done at this screen that the server has not answered yet. Shown as if it had. */
export type Intent =
  | { key: string; kind: "start" | "bump" | "acknowledge"; ticketId: string; itemIds: readonly string[] }
  /** Brings lines back; `ticket` is what to show when the server no longer lists it. */
  | { key: string; kind: "unbump"; ticketId: string; itemIds: readonly string[]; ticket?: Ticket }
  | { key: string; kind: "recall"; ticketId: string; ticket?: Ticket }
  /** Hands an order out; concerns every expo ticket of the order. */
  | { key: string; kind: "handOut"; orderId: string; itemIds: readonly string[] }
  | { key: string; kind: "stock"; menuItemId: string; state: StockState; remaining: number };

export interface Shown {
  ticket: Ticket;
  /** Something on it waits to be sent. */
  pending: boolean;
}

/** Lays what was done here over what the server told. Untouched tickets stay the same objects. */
export function overlay(
  tickets: ReadonlyMap<string, Ticket>,
  intents: readonly Intent[],
  isExpo: (stationId: string) => boolean,
): Shown[] {
  const shown = new Map<string, Shown>();
  for (const [id, ticket] of tickets) shown.set(id, { ticket, pending: false });
  for (const intent of intents) {
    if (intent.kind === "stock") continue;
    if (intent.kind === "handOut") {
      for (const [id, { ticket }] of shown) {
        if (ticket.orderId !== intent.orderId || !isExpo(ticket.stationId)) continue;
        shown.set(id, { ticket: apply(ticket, intent), pending: true });
      }
      continue;
    }
    const lost = intent.kind === "unbump" || intent.kind === "recall" ? intent.ticket : undefined;
    const ticket = shown.get(intent.ticketId)?.ticket ?? lost;
    if (ticket) shown.set(intent.ticketId, { ticket: apply(ticket, intent), pending: true });
  }
  return [...shown.values()].filter(({ ticket }) => isOpen(ticket));
}

export function isOpen(ticket: Ticket): boolean {
  if (ticket.items.length === 0) return ticket.state !== TicketState.DONE;
  return ticket.items.some((item) => item.state !== PrepState.DONE);
}

export function undone(ticket: Ticket): TicketItem[] {
  return ticket.items.filter((item) => item.state !== PrepState.DONE);
}

function apply(ticket: Ticket, intent: Exclude<Intent, { kind: "stock" }>): Ticket {
  const touch = (change: (item: TicketItem) => Partial<TicketItem>): Ticket => {
    const ids = intent.kind === "recall" ? undefined : new Set(intent.itemIds);
    const items = ticket.items.map((item) => (ids?.has(item.itemId) === false ? item : { ...item, ...change(item) }));
    return { ...ticket, items };
  };
  switch (intent.kind) {
    case "start":
      return touch((item) => (item.state === PrepState.DONE ? {} : { state: PrepState.STARTED }));
    case "bump":
    case "handOut":
      return touch(() => ({ state: PrepState.DONE }));
    case "acknowledge":
      return touch(() => ({ needsAcknowledgement: false }));
    case "unbump":
    case "recall":
      return { ...touch(() => ({ state: PrepState.STARTED })), state: TicketState.OPEN };
  }
}
