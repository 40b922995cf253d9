import type { Ticket } from "#gen/muster/orders/v1/ticket_pb";
import { KitchenChangeCause as Cause, type KitchenChange } from "#gen/muster/orders/v1/watch_pb";

/** What the screen says aloud. */
export type Signal = "new" | "changed" | "void" | "late" | "ready" | "lost";

/** Which sound a change deserves. What was done at this screen, or concerns none of its tickets, is silent. */
export function signalOf(
  change: KitchenChange,
  before: ReadonlyMap<string, Ticket>,
  isExpo: (id: string) => boolean,
): Signal | undefined {
  const touched = change.tickets.length > 0 || change.removedTicketIds.some((id) => before.has(id));
  if (!touched) return undefined;
  switch (change.cause) {
    case Cause.NEW:
    case Cause.RECALLED:
    case Cause.FIRED:
    case Cause.CHANGED:
    case Cause.HELD:
    case Cause.MOVED:
      return change.tickets.some((ticket) => !before.has(ticket.id)) ? "new" : "changed";
    case Cause.VOIDED:
      return "void";
    case Cause.READY:
    case Cause.BUMPED:
      return change.tickets.some((ticket) => isNowReady(ticket, before.get(ticket.id), isExpo)) ? "ready" : undefined;
    default:
      return undefined;
  }
}

function isNowReady(ticket: Ticket, before: Ticket | undefined, isExpo: (id: string) => boolean): boolean {
  return isExpo(ticket.stationId) && ticket.allReady && before?.allReady !== true;
}

/** Tickets that came since: they ask to be seen. */
export function newlyUnseen(before: ReadonlyMap<string, Ticket>, tickets: readonly Ticket[]): string[] {
  return tickets.filter((ticket) => !before.has(ticket.id)).map((ticket) => ticket.id);
}
