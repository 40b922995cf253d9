import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { NewRow, OutboxRow, OutboxStore } from "./outbox.ts";

interface Schema extends DBSchema {
  rows: { key: number; value: OutboxRow; indexes: { key: string } };
}

/** The queue in IndexedDB. Every step is one transaction, so a power cut leaves it before or after, never between. */
export class IdbOutboxStore implements OutboxStore {
  private constructor(private readonly db: IDBPDatabase<Schema>) {}

  static async open(name = "muster-outbox"): Promise<IdbOutboxStore> {
    const db = await openDB<Schema>(name, 1, {
      upgrade(fresh) {
        const rows = fresh.createObjectStore("rows", { keyPath: "seq", autoIncrement: true });
        rows.createIndex("key", "key", { unique: true });
      },
    });
    return new IdbOutboxStore(db);
  }

  async add(row: NewRow): Promise<OutboxRow> {
    const fresh = { ...row, tries: 0, state: "queued" as const };
    const tx = this.db.transaction("rows", "readwrite", { durability: "strict" });
    // The key path fills `seq`; the type cannot say so.
    const seq = await tx.store.add(fresh as OutboxRow);
    await tx.done;
    return { ...fresh, seq };
  }

  all(): Promise<OutboxRow[]> {
    return this.db.getAll("rows");
  }

  async put(row: OutboxRow): Promise<void> {
    await this.db.put("rows", row);
  }

  async remove(seq: number): Promise<void> {
    await this.db.delete("rows", seq);
  }

  async withdraw(key: string): Promise<boolean> {
    const tx = this.db.transaction("rows", "readwrite");
    const row = await tx.store.index("key").get(key);
    const fresh = row !== undefined && row.sentAt === undefined;
    if (fresh) await tx.store.delete(row.seq);
    await tx.done;
    return fresh;
  }

  async claim(now: number): Promise<OutboxRow | undefined> {
    const tx = this.db.transaction("rows", "readwrite");
    let claimed: OutboxRow | undefined;
    for await (const cursor of tx.store) {
      if (cursor.value.state !== "queued") continue;
      claimed = { ...cursor.value, sentAt: cursor.value.sentAt ?? now };
      await cursor.update(claimed);
      break;
    }
    await tx.done;
    return claimed;
  }
}
