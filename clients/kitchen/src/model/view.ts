import type { DiningOption, Station } from "#gen/muster/orders/v1/station_pb";
import { StationKind } from "#gen/muster/orders/v1/station_pb";
import type { Ticket } from "#gen/muster/orders/v1/ticket_pb";
import { type Band, band, type Limits, limits } from "./age.ts";
import { type Board, firedMs } from "./board.ts";
import { type Intent, overlay } from "./intents.ts";

/** One ticket as the grid shows it. */
export interface Card {
  ticket: Ticket;
  station: Station | undefined;
  expo: boolean;
  pending: boolean;
  /** Nobody has touched the screen since it came. */
  unseen: boolean;
  limits: Limits;
  firedMs: number;
}

export interface Filter {
  /** Empty: every kind of order. */
  dining: readonly DiningOption[];
}

export interface View {
  /** The oldest first. */
  cards: readonly Card[];
  /** How many tickets the filter hides. */
  hidden: number;
}

/** Makes cards of tickets. Keeps the object of a card that did not change, so that nothing is drawn twice. */
export class Viewer {
  /** A ticket keeps its place while it is on the screen, also when its oldest line is done. */
  private readonly places = new Map<string, number>();
  private cards = new Map<string, Card>();

  view(board: Board, intents: readonly Intent[], filter: Filter, unseen: ReadonlySet<string>): View {
    const stations = new Map(board.stations.map((station) => [station.id, station]));
    const isExpo = (id: string) => stations.get(id)?.kind === StationKind.EXPO;
    const shown = overlay(board.tickets, intents, isExpo);
    const ids = new Set(shown.map(({ ticket }) => ticket.id));
    for (const id of this.places.keys()) if (!ids.has(id)) this.places.delete(id);
    const fresh = new Map<string, Card>();
    let hidden = 0;
    for (const { ticket, pending } of shown) {
      if (!this.places.has(ticket.id)) this.places.set(ticket.id, firedMs(ticket));
      if (filter.dining.length > 0 && !filter.dining.includes(ticket.diningOption)) {
        hidden += 1;
        continue;
      }
      fresh.set(ticket.id, this.card(ticket, pending, stations.get(ticket.stationId), unseen.has(ticket.id)));
    }
    this.cards = fresh;
    const place = (card: Card) => this.places.get(card.ticket.id) ?? 0;
    const cards = [...fresh.values()].sort(
      (a, b) => place(a) - place(b) || a.ticket.number - b.ticket.number || (a.ticket.id < b.ticket.id ? -1 : 1),
    );
    return { cards, hidden };
  }

  private card(ticket: Ticket, pending: boolean, station: Station | undefined, unseen: boolean): Card {
    const before = this.cards.get(ticket.id);
    const same = before?.ticket === ticket && before.pending === pending && before.station === station;
    if (before && same && before.unseen === unseen) return before;
    const expo = station?.kind === StationKind.EXPO;
    return { ticket, station, expo, pending, unseen, limits: limits(station), firedMs: firedMs(ticket) };
  }
}

export type BandCounts = Record<Band, number>;

export function countBands(cards: readonly Card[], now: number): BandCounts {
  const counts: BandCounts = { fresh: 0, due: 0, late: 0 };
  for (const card of cards) counts[band(now - card.firedMs, card.limits)] += 1;
  return counts;
}
