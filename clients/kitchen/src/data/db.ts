import type { TokenStore, Tokens } from "@muster/sdk/session";
import { type DBSchema, type IDBPDatabase, openDB } from "idb";

/** What the device is, as told when it was paired. */
export interface DeviceRecord {
  deviceId: string;
  name: string;
  locationId: string;
  stationIds: string[];
}

/** The last thing that was seen, without the tickets. */
export interface SeenRecord {
  /** A KitchenSnapshot without tickets, in protobuf binary. */
  bytes: Uint8Array;
  /** The server's time up to which it was true. */
  asOf: number;
  stationIds: string[];
}

interface Schema extends DBSchema {
  device: { key: string; value: DeviceRecord };
  tokens: { key: string; value: Tokens };
  seen: { key: string; value: SeenRecord };
  /** Tickets in protobuf binary, by `<screen>|<ticket id>`. */
  tickets: { key: string; value: Uint8Array };
}

export type KitchenDb = IDBPDatabase<Schema>;

export function openKitchenDb(): Promise<KitchenDb> {
  return openDB<Schema>("muster-kitchen", 1, {
    upgrade(fresh) {
      for (const store of ["device", "tokens", "seen", "tickets"] as const) fresh.createObjectStore(store);
    },
    // A newer build in another tab must not wait for this one.
    blocking(_current, _next, event) {
      (event.target as IDBDatabase).close();
    },
  });
}

export function tokenStore(db: KitchenDb): TokenStore {
  return {
    load: () => db.get("tokens", "device"),
    save: async (tokens) => {
      await db.put("tokens", tokens, "device");
    },
    clear: () => db.delete("tokens", "device"),
  };
}
