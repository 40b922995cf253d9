import type { Transport } from "@connectrpc/connect";
import { webLock } from "@muster/sdk/lock";
import { Outbox, type OutboxNews } from "@muster/sdk/outbox";
import { IdbOutboxStore } from "@muster/sdk/outbox-idb";
import { Session, type Tokens } from "@muster/sdk/session";
import { webTransport, withIdempotencyKey, withSession } from "@muster/sdk/transport";
import { send } from "./commands.ts";
import { type DeviceRecord, type KitchenDb, openKitchenDb, tokenStore } from "./db.ts";
import { type DeviceRpc, deviceRpc, sessionRpc, tokensOf } from "./rpc.ts";

/** What the whole app stands on, whatever it shows. */
export interface Platform {
  db: KitchenDb;
  /** Carries the calls that need nobody: pairing. */
  open: Transport;
  /** Carries the calls of the paired device. */
  signed: Transport;
  rpc: DeviceRpc;
  session: Session;
  outbox: Outbox;
}

export interface PlatformOptions {
  /** Runs when the device was shut out: it has to be paired again. */
  onEnded(): void;
  /** For tests: what carries the calls. */
  transport?: (interceptors: Parameters<typeof webTransport>[0]) => Transport;
}

/** Short, so that a second try still falls into the time in which the server repeats its answer. */
const RENEW_MS = 4_000;

export async function openPlatform({ onEnded, transport = webTransport }: PlatformOptions): Promise<Platform> {
  const db = await openKitchenDb();
  const open = transport([withIdempotencyKey]);
  const sessions = sessionRpc(open);
  const session = new Session({
    store: tokenStore(db),
    renew: async (refreshToken) => {
      const { tokens } = await sessions.refreshSession({ refreshToken }, { timeoutMs: RENEW_MS });
      if (!tokens) throw new Error("a renewal without tokens");
      return tokensOf(tokens);
    },
    lock: webLock,
    onEnded: () => {
      void forgetTickets({ db });
      onEnded();
    },
  });
  const signed = transport([withIdempotencyKey, withSession(session)]);
  const outbox = await openOutbox(signed);
  return { db, open, signed, rpc: deviceRpc(signed), session, outbox };
}

async function openOutbox(transport: Transport): Promise<Outbox> {
  const channel = new BroadcastChannel("muster-outbox");
  const outbox = new Outbox({
    store: await IdbOutboxStore.open(),
    lock: webLock,
    send: (row) => send(transport, row),
    broadcast: (news) => channel.postMessage(news),
  });
  channel.addEventListener("message", (event: MessageEvent<OutboxNews>) => outbox.hear(event.data));
  return outbox;
}

export const pairedDevice = (db: KitchenDb): Promise<DeviceRecord | undefined> => db.get("device", "device");

/** The screen was shut out: what guests ordered is no longer its business. Its bumps wait, in case it comes back. */
export async function forgetTickets({ db }: Pick<Platform, "db">): Promise<void> {
  await db.clear("tickets");
  await db.clear("seen");
}

export async function unpair(platform: Platform): Promise<void> {
  await platform.session.forget();
  await platform.db.clear("device");
  await forgetTickets(platform);
  await platform.outbox.clear();
}

/** Takes what pairing gave. Bumps that were made at another location are not sent to this one. */
export async function adopt(platform: Platform, device: DeviceRecord, tokens: Tokens): Promise<void> {
  const before = await pairedDevice(platform.db);
  if (before?.locationId !== device.locationId) await unpair(platform);
  await platform.session.adopt(tokens);
  await platform.db.put("device", device, "device");
}
