import type { Allergen } from "@muster/sdk/gen/muster/orders/v1/allergen_pb";
import type { PrepState } from "@muster/sdk/gen/muster/orders/v1/order_pb";
import type { DiningOption } from "@muster/sdk/gen/muster/orders/v1/station_pb";

export interface SimItem {
  id: string;
  menuItemId: string;
  name: string;
  quantity: number;
  modifiers: string[];
  seat: number;
  notes: string;
  allergies: Allergen[];
  conflicts: Allergen[];
  stations: string[];
  states: Map<string, PrepState>;
  acknowledged: Set<string>;
  handedOut: PrepState;
  firedAt: number;
  change?: { kind: number; text: string };
  voided?: string;
}

export interface SimOrder {
  id: string;
  number: number;
  dining: DiningOption;
  table: string;
  guest: string;
  server: string;
  notes: string;
  held: number[];
  placedAt: number;
  version: bigint;
  items: SimItem[];
}
