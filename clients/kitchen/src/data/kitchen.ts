import type { Outbox, OutboxNews, OutboxRow } from "@muster/sdk/outbox";
import type { Link } from "@muster/sdk/resumable";
import type { KitchenResult } from "#gen/muster/orders/v1/kitchen_service_pb";
import type { StockLevel } from "#gen/muster/orders/v1/menu_pb";
import { StationKind } from "#gen/muster/orders/v1/station_pb";
import type { Ticket } from "#gen/muster/orders/v1/ticket_pb";
import type { KitchenChange, KitchenSnapshot } from "#gen/muster/orders/v1/watch_pb";
import { foldAnswer, foldChange, foldSnapshot, foldStock } from "../model/board.ts";
import type { Intent } from "../model/intents.ts";
import { newlyUnseen, type Signal, signalOf } from "../model/signals.ts";
import { intentOf, readAnswer } from "./commands.ts";
import type { FeedSink } from "./feed.ts";
import { KitchenStore } from "./store.ts";

export interface KitchenOptions {
  outbox: Outbox;
  /** The stations that are watched; empty: all. */
  stationIds: readonly string[];
  signal(signal: Signal): void;
  /** The board changed: a good time to write it down. */
  changed?(): void;
  now?: () => number;
}

/** A request on its way into the outbox. */
export interface Doing {
  key: string;
  method: string;
  bytes: Uint8Array;
  label: string;
  intent: Intent;
}

/** What one screen knows of its kitchen: what the server tells, and over it what was done here. */
export class Kitchen implements FeedSink {
  readonly store = new KitchenStore();
  /** Keys of rows that are being written; an undo waits for them. */
  private readonly writing = new Map<string, Promise<unknown>>();
  /** Which method a key belongs to, so that its answer can be read. */
  private readonly methods = new Map<string, string>();
  readonly now: () => number;

  constructor(private readonly options: KitchenOptions) {
    this.now = options.now ?? (() => performance.now());
  }

  /** Takes up what an earlier run left in the outbox, and follows it from here on. Returns what ends that. */
  async start(): Promise<() => void> {
    const intents: Intent[] = [];
    for (const row of await this.options.outbox.rows()) {
      const intent = row.state === "queued" ? intentOf(row) : undefined;
      if (intent) intents.push(intent);
      this.methods.set(row.key, row.method);
    }
    this.store.set({ intents });
    const stop = this.options.outbox.subscribe((news) => void this.hear(news));
    await this.count();
    void this.options.outbox.drain();
    return stop;
  }

  snapshot(snapshot: KitchenSnapshot): void {
    const { board, unseen } = this.store.get();
    // What hangs there when the shift begins does not ring; what came while the screen was deaf does.
    const first = board.stations.length === 0;
    const next = foldSnapshot(board, snapshot, this.now());
    const fresh = first ? [] : newlyUnseen(board.tickets, snapshot.tickets);
    this.store.set({ board: next, remembered: false, unseen: stillThere(unseen, fresh, next.tickets) });
    if (fresh.length > 0) this.options.signal("new");
    this.options.changed?.();
  }

  change(change: KitchenChange): void {
    const { board, unseen } = this.store.get();
    const next = foldChange(board, change, this.now());
    const sound = signalOf(change, board.tickets, this.isExpo);
    const fresh = sound === "new" ? newlyUnseen(board.tickets, change.tickets) : [];
    this.store.set({ board: next, unseen: stillThere(unseen, fresh, next.tickets) });
    if (sound) this.options.signal(sound);
    this.options.changed?.();
  }

  link(link: Link): void {
    this.store.set({ link });
    if (link.state === "live") void this.options.outbox.drain();
  }

  /** Somebody touched the screen: these tickets need not ring any more. */
  seen(ids: Iterable<string>): void {
    const { unseen } = this.store.get();
    const left = new Set(unseen);
    for (const id of ids) left.delete(id);
    if (left.size < unseen.size) this.store.set({ unseen: left });
  }

  /** Shows it at once, keeps it safe, and has it sent. */
  enqueue({ key, method, bytes, label, intent }: Doing): void {
    const { intents, queued } = this.store.get();
    this.store.set({ intents: [...intents, intent], queued: queued + 1 });
    this.methods.set(key, method);
    const written = this.options.outbox
      .add({ key, method, bytes, label, createdAt: Date.now() })
      .finally(() => this.writing.delete(key));
    this.writing.set(key, written);
  }

  /** Takes back what was not sent yet. False: it may have reached the server, and has to be undone there. */
  async withdraw(key: string): Promise<boolean> {
    await this.writing.get(key);
    const gone = await this.options.outbox.withdraw(key);
    if (gone) this.drop(key);
    return gone;
  }

  /** Tries a refused row once more, under a new key: the old one holds the old answer. */
  retry(row: OutboxRow, key: string = crypto.randomUUID()): void {
    this.dismiss(row);
    const intent = intentOf({ ...row, key });
    if (intent) this.enqueue({ key, method: row.method, bytes: row.bytes, label: row.label, intent });
  }

  dismiss(row: OutboxRow): void {
    void this.options.outbox.dismiss(row.seq);
  }

  private readonly isExpo = (stationId: string): boolean =>
    this.store.get().board.stations.find((each) => each.id === stationId)?.kind === StationKind.EXPO;

  private readonly watches = (stationId: string): boolean => {
    const { stationIds } = this.options;
    return stationIds.length === 0 || stationIds.includes(stationId);
  };

  private async hear(news: OutboxNews): Promise<void> {
    if (news.kind === "done") {
      const { result, stock } = readAnswer(this.methods.get(news.key) ?? "", news.answer);
      this.settle(news.key, result, stock);
    } else if (news.kind === "refused") {
      this.drop(news.key);
    }
    await this.count();
  }

  /** The answer and the end of the intent are one step: nothing flickers between them. */
  private settle(key: string, result: KitchenResult | undefined, stock: StockLevel | undefined): void {
    const { board, intents } = this.store.get();
    let next = board;
    if (result) next = foldAnswer(next, result, this.watches, this.now());
    if (stock) next = foldStock(next, stock);
    this.methods.delete(key);
    this.store.set({ board: next, intents: intents.filter((intent) => intent.key !== key) });
    this.options.changed?.();
  }

  private drop(key: string): void {
    const { intents } = this.store.get();
    this.store.set({ intents: intents.filter((intent) => intent.key !== key) });
  }

  private async count(): Promise<void> {
    const rows = await this.options.outbox.rows();
    const attention = rows.filter((row) => row.state === "attention");
    this.store.set({ queued: rows.length - attention.length, attention });
  }
}

function stillThere(
  unseen: ReadonlySet<string>,
  fresh: readonly string[],
  tickets: ReadonlyMap<string, Ticket>,
): ReadonlySet<string> {
  const gone = [...unseen].some((id) => !tickets.has(id));
  if (!gone && fresh.length === 0) return unseen;
  return new Set([...unseen, ...fresh].filter((id) => tickets.has(id)));
}
