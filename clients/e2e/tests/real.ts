import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { DeviceService } from "@muster/sdk/gen/muster/auth/v1/device_service_pb";
import { DirectoryService } from "@muster/sdk/gen/muster/auth/v1/directory_service_pb";
import { SessionService } from "@muster/sdk/gen/muster/auth/v1/session_service_pb";
import { MenuService } from "@muster/sdk/gen/muster/orders/v1/menu_service_pb";
import { OrderService } from "@muster/sdk/gen/muster/orders/v1/order_service_pb";
import { DiningOption } from "@muster/sdk/gen/muster/orders/v1/station_pb";
import { StationService } from "@muster/sdk/gen/muster/orders/v1/station_service_pb";

import { Front } from "../sim/front.ts";

/** The manager of the demo restaurant, on a phone of their own. */
export class Manager {
  private token = "";

  /** What the manager is signed in with. */
  get accessToken(): string {
    return this.token;
  }

  readonly devices: Client<typeof DeviceService>;
  readonly orders: Client<typeof OrderService>;
  readonly menu: Client<typeof MenuService>;
  readonly stations: Client<typeof StationService>;
  readonly directory: Client<typeof DirectoryService>;
  private readonly sessions: Client<typeof SessionService>;

  constructor(baseUrl: string) {
    const sign: Interceptor = (next) => (request) => {
      if (this.token) request.header.set("authorization", `Bearer ${this.token}`);
      request.header.set("idempotency-key", crypto.randomUUID());
      return next(request);
    };
    const transport = createGrpcWebTransport({ baseUrl, interceptors: [sign] });
    this.devices = createClient(DeviceService, transport);
    this.orders = createClient(OrderService, transport);
    this.menu = createClient(MenuService, transport);
    this.stations = createClient(StationService, transport);
    this.directory = createClient(DirectoryService, transport);
    this.sessions = createClient(SessionService, transport);
  }

  async signIn(login = "mara"): Promise<void> {
    const password = process.env.MUSTER_PASSWORD ?? "soup of the day at noon";
    const { tokens } = await this.sessions.signIn({ tenantSlug: "juniper", login, password, deviceLabel: "e2e" });
    this.token = tokens?.accessToken ?? "";
  }
}

/** Something from the menu as it can be ordered: with the choices that it asks for. */
export interface Dish {
  menuItemId: string;
  name: string;
  modifiers: { modifierId: string }[];
}

/** The dishes of the menu by the station that would make them. */
export async function dishes(manager: Manager, locationId: string): Promise<Map<string, Dish[]>> {
  const { items, modifierGroups } = await manager.menu.getMenu({ locationId });
  const { stations } = await manager.stations.listStations({ locationId });
  const groups = new Map(modifierGroups.map((group) => [group.id, group]));
  const found = new Map<string, Dish[]>();
  for (const item of items) {
    const chosen = item.modifierGroupIds.flatMap((id) => {
      const group = groups.get(id);
      return group ? group.modifiers.slice(0, group.min) : [];
    });
    const modifiers = chosen.map((modifier) => ({ modifierId: modifier.id }));
    const diningOption = DiningOption.DINE_IN;
    const modifierIds = modifiers.map(({ modifierId }) => modifierId);
    const { route } = await manager.stations.explainRoute({
      locationId,
      menuItemId: item.id,
      modifierIds,
      diningOption,
    });
    const dish = { menuItemId: item.id, name: item.kitchenName || item.name, modifiers };
    for (const id of route?.stationIds ?? []) {
      const name = stations.find((station) => station.id === id)?.name ?? "";
      found.set(name, [...(found.get(name) ?? []), dish]);
    }
  }
  return found;
}

/** The address of the app: the server's own, or a front when it was built without one. */
export async function appUrl(upstream: string): Promise<{ url: string; stop(): Promise<void> }> {
  const own = `${upstream}/kitchen/`;
  const served = await fetch(own).then((answer) => answer.ok);
  if (served && !process.env.MUSTER_FRONT) return { url: own, stop: async () => {} };
  const front = new Front(upstream);
  await front.start();
  return { url: front.url, stop: () => front.stop() };
}
