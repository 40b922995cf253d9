import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import type { Tokens } from "@muster/sdk/session";
import type { TokenPair } from "#gen/muster/auth/v1/session_pb";
import { SessionService } from "#gen/muster/auth/v1/session_service_pb";
import { KitchenService } from "#gen/muster/orders/v1/kitchen_service_pb";
import { MenuService } from "#gen/muster/orders/v1/menu_service_pb";

/** The calls of a paired device that any screen needs; what only one screen asks, that screen makes itself. */
export interface DeviceRpc {
  kitchen: Client<typeof KitchenService>;
  menu: Client<typeof MenuService>;
}

export const sessionRpc = (transport: Transport): Client<typeof SessionService> =>
  createClient(SessionService, transport);

export const deviceRpc = (transport: Transport): DeviceRpc => ({
  kitchen: createClient(KitchenService, transport),
  menu: createClient(MenuService, transport),
});

/** How long an access token lives when the two clocks disagree so much that its end makes no sense. */
const FALLBACK_LIFE_MS = 4 * 60_000;
const LONGEST_LIFE_MS = 60 * 60_000;

/** Tokens as the session keeps them, with the end told by this machine's clock. */
export function tokensOf(pair: TokenPair, now: number = Date.now()): Tokens {
  const until = pair.accessExpireTime ? timestampMs(pair.accessExpireTime) : now + FALLBACK_LIFE_MS;
  const life = until - now;
  const sane = life > 30_000 && life < LONGEST_LIFE_MS;
  return {
    access: pair.accessToken,
    refresh: pair.refreshToken,
    accessFrom: now,
    accessUntil: sane ? until : now + FALLBACK_LIFE_MS,
  };
}
