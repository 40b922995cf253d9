import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { PrepState } from "#gen/muster/orders/v1/order_pb";
import { type Station, StationKind, StationSchema } from "#gen/muster/orders/v1/station_pb";
import {
  type Ticket,
  type TicketItem,
  TicketItemSchema,
  TicketSchema,
  TicketState,
} from "#gen/muster/orders/v1/ticket_pb";
import { type KitchenChange, KitchenChangeSchema, KitchenSnapshotSchema } from "#gen/muster/orders/v1/watch_pb";
import type { Card } from "../src/model/view.ts";

/** Short ways to say what a test is about, and nothing else. */
export const station = (id: string, more: MessageInitShape<typeof StationSchema> = {}): Station =>
  create(StationSchema, { id, name: id.toUpperCase(), kind: StationKind.PREP, ...more });

export const STATIONS = [station("grill"), station("fry"), station("expo", { kind: StationKind.EXPO })];

export const item = (itemId: string, more: MessageInitShape<typeof TicketItemSchema> = {}): TicketItem =>
  create(TicketItemSchema, { itemId, menuItemId: itemId, name: itemId, quantity: 1, state: PrepState.NEW, ...more });

export function ticket(
  order: string,
  version: number,
  more: MessageInitShape<typeof TicketSchema> & { at?: string; firedMs?: number } = {},
): Ticket {
  const { at = "grill", firedMs = 1_000, ...rest } = more;
  return create(TicketSchema, {
    id: `${order}/${at}`,
    orderId: order,
    stationId: at,
    number: Number(order.replace(/\D/g, "")) || 1,
    orderVersion: BigInt(version),
    state: TicketState.OPEN,
    firedAt: timestampFromMs(firedMs),
    items: [item(`${order}-burger`)],
    ...rest,
  });
}

export const snapshot = (tickets: Ticket[]) => create(KitchenSnapshotSchema, { stations: STATIONS, tickets });

export const change = (more: MessageInitShape<typeof KitchenChangeSchema>): KitchenChange =>
  create(KitchenChangeSchema, more);

export const card = (of: Ticket, more: Partial<Card> = {}): Card => ({
  ticket: of,
  station: undefined,
  expo: false,
  pending: false,
  unseen: false,
  limits: { warnMs: 300_000, lateMs: 480_000 },
  firedMs: 0,
  ...more,
});
