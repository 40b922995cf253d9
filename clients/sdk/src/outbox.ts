import type { Lock } from "./lock.ts";

/** One thing that somebody did and that the server has not confirmed yet. */
export interface OutboxRow {
  /** Place in line; given by the store. */
  seq: number;
  /** Also the idempotency key: sending twice does it once. */
  key: string;
  method: string;
  /** The request, in protobuf binary: safe across schema changes, unlike JSON of a message with 64-bit integers. */
  bytes: Uint8Array;
  /** What it was, for people: shown in the "needs attention" list. */
  label: string;
  createdAt: number;
  tries: number;
  /** Set once it may have reached the server; from then on it cannot be taken back silently. */
  sentAt?: number;
  state: "queued" | "attention";
  reason?: string;
  message?: string;
}

export type NewRow = Omit<OutboxRow, "seq" | "tries" | "state" | "sentAt" | "reason" | "message">;

export interface OutboxStore {
  add(row: NewRow): Promise<OutboxRow>;
  all(): Promise<OutboxRow[]>;
  put(row: OutboxRow): Promise<void>;
  remove(seq: number): Promise<void>;
  /** Removes the row if it was never sent; tells whether it did. Atomic with `claim`. */
  withdraw(key: string): Promise<boolean>;
  /** Marks the first queued row as sent and returns it. */
  claim(now: number): Promise<OutboxRow | undefined>;
}

/** What became of one sending. */
export type Verdict =
  | { kind: "done"; answer: Uint8Array }
  | { kind: "later"; afterMs?: number; reason: string }
  | { kind: "refused"; reason: string; message: string };

export type OutboxNews =
  | { kind: "done"; key: string; answer: Uint8Array }
  | { kind: "refused"; key: string; reason: string; message: string }
  | { kind: "queue" };

export interface OutboxOptions {
  store: OutboxStore;
  lock: Lock;
  send(row: OutboxRow): Promise<Verdict>;
  /** Tells other tabs; theirs come back through `hear`. */
  broadcast?(news: OutboxNews): void;
  now?: () => number;
  delay?(attempt: number): number;
}

/** Sends what was done, in the order in which it was done, once each, for as long as it takes. */
export class Outbox {
  private readonly listeners = new Set<(news: OutboxNews) => void>();
  private draining: Promise<void> | undefined;
  private again = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private readonly now: () => number;

  constructor(private readonly options: OutboxOptions) {
    this.now = options.now ?? Date.now;
  }

  subscribe(listener: (news: OutboxNews) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  rows(): Promise<OutboxRow[]> {
    return this.options.store.all();
  }

  async add(row: NewRow): Promise<OutboxRow> {
    const added = await this.options.store.add(row);
    this.tell({ kind: "queue" });
    void this.drain();
    return added;
  }

  /** Takes back what was not sent yet. False: it may have reached the server, so undo it there. */
  async withdraw(key: string): Promise<boolean> {
    const gone = await this.options.store.withdraw(key);
    if (gone) this.tell({ kind: "queue" });
    return gone;
  }

  /** Somebody looked at a refused row and lets it go. */
  async dismiss(seq: number): Promise<void> {
    await this.options.store.remove(seq);
    this.tell({ kind: "queue" });
  }

  /** Forgets everything: what is here was meant for somebody else. */
  async clear(): Promise<void> {
    for (const row of await this.rows()) await this.options.store.remove(row.seq);
    this.tell({ kind: "queue" });
  }

  /** News from another tab. */
  hear(news: OutboxNews): void {
    for (const listener of this.listeners) listener(news);
  }

  /** Empties the queue as far as the network lets it. Safe to call at any time; calls fold into one. */
  drain(): Promise<void> {
    if (this.draining) {
      this.again = true;
      return this.draining;
    }
    clearTimeout(this.timer);
    this.draining = this.options
      .lock("muster-outbox", () => this.drainAlone())
      .finally(() => {
        this.draining = undefined;
        if (this.again) {
          this.again = false;
          void this.drain();
        }
      });
    return this.draining;
  }

  private async drainAlone(): Promise<void> {
    const { store, send, delay = (attempt) => Math.min(3_000, 250 * 2 ** attempt) } = this.options;
    for (;;) {
      this.again = false;
      const row = await store.claim(this.now());
      if (!row) return;
      const verdict = await send(row);
      if (verdict.kind === "later") {
        await store.put({ ...row, tries: row.tries + 1, reason: verdict.reason });
        this.failures += 1;
        this.tell({ kind: "queue" });
        this.timer = setTimeout(() => void this.drain(), verdict.afterMs ?? delay(this.failures));
        return;
      }
      this.failures = 0;
      if (verdict.kind === "done") {
        await store.remove(row.seq);
        this.tell({ kind: "done", key: row.key, answer: verdict.answer });
      } else {
        const { reason, message } = verdict;
        await store.put({ ...row, state: "attention", tries: row.tries + 1, reason, message });
        this.tell({ kind: "refused", key: row.key, reason, message });
      }
    }
  }

  private tell(news: OutboxNews): void {
    this.hear(news);
    this.options.broadcast?.(news);
  }
}
