import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { DeviceKind, DeviceSchema, DeviceState, PairingState } from "@muster/sdk/gen/muster/auth/v1/device_pb";
import { DeviceService } from "@muster/sdk/gen/muster/auth/v1/device_service_pb";
import { TokenPairSchema } from "@muster/sdk/gen/muster/auth/v1/session_pb";
import { SessionService } from "@muster/sdk/gen/muster/auth/v1/session_service_pb";
import { KitchenService } from "@muster/sdk/gen/muster/orders/v1/kitchen_service_pb";
import { CategorySchema, MenuItemSchema, StockLevelSchema } from "@muster/sdk/gen/muster/orders/v1/menu_pb";
import { MenuService } from "@muster/sdk/gen/muster/orders/v1/menu_service_pb";
import { PrepState } from "@muster/sdk/gen/muster/orders/v1/order_pb";
import { StationService } from "@muster/sdk/gen/muster/orders/v1/station_service_pb";
import { KitchenChangeCause as Cause } from "@muster/sdk/gen/muster/orders/v1/watch_pb";
import type { SimItem } from "./order.ts";
import { isReady, LOCATION, refuse, type Shop, uuid } from "./shop.ts";
import type { StreamHub } from "./stream.ts";

export interface SimAuth {
  approved: boolean;
  /** Access tokens that work. */
  tokens: Set<string>;
  refreshes: number;
  accessLifeMs: number;
}

export const MENU = ["Burger", "Cheeseburger", "Fries", "Caesar salad", "Lemonade"].map((name, at) =>
  create(MenuItemSchema, { id: uuid(), categoryId: "c", name, version: 1n, sort: at }),
);

/** The calls that the kitchen makes, answered as the contract says. */
export function routes(router: ConnectRouter, shop: Shop, hub: StreamHub, auth: SimAuth): void {
  const signed = (context: HandlerContext) => {
    const token = context.requestHeader.get("authorization")?.replace("Bearer ", "") ?? "";
    if (!auth.tokens.has(token)) throw refuse(Code.Unauthenticated, "TOKEN_EXPIRED", "Sign in again.");
  };
  const pair = () => {
    const access = `access-${uuid()}`;
    auth.tokens.add(access);
    return create(TokenPairSchema, {
      accessToken: access,
      refreshToken: `refresh-${uuid()}`,
      accessExpireTime: timestampFromMs(Date.now() + auth.accessLifeMs),
    });
  };
  /** Runs a command once per key, and gives the same answer again. */
  const once = <T>(context: HandlerContext, run: () => T): T => {
    signed(context);
    const key = context.requestHeader.get("idempotency-key");
    if (!key) throw refuse(Code.InvalidArgument, "IDEMPOTENCY_KEY_REQUIRED", "Send an idempotency key.");
    shop.seenKeys.set(key, (shop.seenKeys.get(key) ?? 0) + 1);
    if (!shop.answers.has(key)) {
      shop.answers.set(key, run());
      shop.applied.push(context.method.name);
    }
    return shop.answers.get(key) as T;
  };
  const to = (stationId: string, state: PrepState) => (item: SimItem) => {
    if (item.states.get(stationId) === state) return false;
    item.states.set(stationId, state);
    return true;
  };
  const isExpo = (id: string) => shop.stations.find((each) => each.id === id)?.kind === 2;

  router.service(DeviceService, {
    startPairing: () => ({
      code: "WDJB-MJHT",
      pairingSecret: uuid(),
      expireTime: timestampFromMs(Date.now() + 600_000),
      pollInterval: durationFromMs(1_000),
    }),
    pollPairing: () => {
      if (!auth.approved) return { state: PairingState.PENDING };
      const device = create(DeviceSchema, {
        deviceId: uuid(),
        kind: DeviceKind.KITCHEN_SCREEN,
        displayName: "Grill left",
        locationId: LOCATION,
        state: DeviceState.ACTIVE,
        createTime: timestampNow(),
      });
      return { state: PairingState.APPROVED, device, tokens: pair() };
    },
  });

  router.service(SessionService, {
    refreshSession: () => {
      auth.refreshes += 1;
      return { tokens: pair() };
    },
  });

  router.service(StationService, {
    listStations: (_request, context) => {
      signed(context);
      return { stations: shop.stations };
    },
  });

  router.service(MenuService, {
    getMenu: (_request, context) => {
      signed(context);
      const categories = [create(CategorySchema, { id: "c", name: "All", version: 1n })];
      return { categories, items: MENU, stock: [...shop.stock.values()] };
    },
    setStock: (request, context) =>
      once(context, () => {
        const version = (shop.stock.get(request.menuItemId)?.version ?? 0n) + 1n;
        const { menuItemId, state, remaining } = request;
        const stock = create(StockLevelSchema, { locationId: LOCATION, menuItemId, state, remaining, version });
        shop.setStock(stock);
        return { stock };
      }),
  });

  router.service(KitchenService, {
    watchKitchen: (request, context) => {
      signed(context);
      return hub.watch(request, context.signal);
    },
    startItems: (r, context) =>
      once(context, () => ({
        result: shop.act(r.orderId, r.stationId, r.itemIds, Cause.STARTED, (item) => {
          const fresh = (item.states.get(r.stationId) ?? PrepState.NEW) === PrepState.NEW;
          return fresh && to(r.stationId, PrepState.STARTED)(item);
        }),
      })),
    bumpItems: (r, context) =>
      once(context, () => ({
        result: shop.act(r.orderId, r.stationId, r.itemIds, Cause.BUMPED, (item) => {
          if (isExpo(r.stationId)) return handOut(item);
          if (item.allergies.length > 0 && !item.voided && !item.acknowledged.has(r.stationId)) {
            throw refuse(Code.FailedPrecondition, "ALLERGY_NOT_ACKNOWLEDGED", "Acknowledge the allergies first.");
          }
          return to(r.stationId, PrepState.DONE)(item);
        }),
      })),
    unbumpItems: (r, context) =>
      once(context, () => ({
        result: shop.act(r.orderId, r.stationId, r.itemIds, Cause.UNBUMPED, (item) => {
          if (isExpo(r.stationId)) item.handedOut = PrepState.STARTED;
          else to(r.stationId, PrepState.STARTED)(item);
          return true;
        }),
      })),
    recallTicket: (r, context) =>
      once(context, () => ({
        result: shop.act(r.orderId, r.stationId, [], Cause.RECALLED, (item) => {
          if (isExpo(r.stationId)) item.handedOut = PrepState.STARTED;
          else if (item.stations.includes(r.stationId)) to(r.stationId, PrepState.STARTED)(item);
          return true;
        }),
      })),
    bumpOrder: (r, context) =>
      once(context, () => ({
        result: shop.act(r.orderId, "", r.itemIds, Cause.FULFILLED, (item) => {
          if (!isReady(item) && !item.voided && !r.force) {
            throw refuse(Code.FailedPrecondition, "ORDER_NOT_READY", "A station is not done.");
          }
          for (const id of item.stations) item.states.set(id, PrepState.DONE);
          return handOut(item);
        }),
      })),
    acknowledgeAllergies: (r, context) =>
      once(context, () => ({
        result: shop.act(r.orderId, r.stationId, r.itemIds, Cause.ACKNOWLEDGED, (item) => {
          item.acknowledged.add(r.stationId);
          return true;
        }),
      })),
    listRecentTickets: (r, context) => {
      signed(context);
      const open = new Set(shop.allOpen().map((ticket) => ticket.id));
      const recent = new Map(shop.done.map(({ ticket }) => [ticket.id, ticket]));
      const watched = (id: string) => r.stationIds.length === 0 || r.stationIds.includes(id);
      const tickets = [...recent.values()].filter((each) => !open.has(each.id) && watched(each.stationId));
      return { tickets: tickets.slice(0, 50) };
    },
  });
}

function handOut(item: SimItem): boolean {
  if (item.handedOut === PrepState.DONE) return false;
  item.handedOut = PrepState.DONE;
  return true;
}
