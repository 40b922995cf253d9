import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { localLock } from "../src/lock.ts";
import { type NewRow, Outbox, type OutboxNews, type OutboxRow, type OutboxStore, type Verdict } from "../src/outbox.ts";
import { IdbOutboxStore } from "../src/outbox-idb.ts";
import { MemoryOutboxStore } from "../src/outbox-memory.ts";

const row = (key: string): NewRow => ({ key, method: "M", bytes: new Uint8Array([1]), label: key, createdAt: 0 });
const done: Verdict = { kind: "done", answer: new Uint8Array([9]) };
const later: Verdict = { kind: "later", reason: "away" };

function box(store: OutboxStore, judge: (row: OutboxRow) => Verdict | Promise<Verdict>, lock = localLock) {
  const sent: string[] = [];
  const news: OutboxNews[] = [];
  const outbox = new Outbox({
    store,
    lock,
    send: async (each) => {
      sent.push(each.key);
      return judge(each);
    },
    delay: () => 1_000,
  });
  outbox.subscribe((each) => news.push(each));
  return { outbox, sent, news };
}

let names = 0;
const STORES: [string, () => Promise<OutboxStore>][] = [
  ["memory", async () => new MemoryOutboxStore()],
  ["IndexedDB", () => IdbOutboxStore.open(`outbox-${names++}`)],
];

describe.each(STORES)("an outbox in %s", (_name, open) => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true }));
  afterEach(() => void vi.useRealTimers());
  const quiet = (outbox: Outbox) => vi.waitFor(async () => expect(await outbox.rows()).toHaveLength(0));

  it("sends in order, once each", async () => {
    const { outbox, sent } = box(await open(), () => done);
    await Promise.all(["a", "b", "c"].map((key) => outbox.add(row(key))));
    await Promise.all([outbox.drain(), outbox.drain()]);
    await quiet(outbox);
    expect(sent).toEqual(["a", "b", "c"]);
  });

  it("keeps the order through an outage: nothing overtakes what waits", async () => {
    let up = false;
    const { outbox, sent } = box(await open(), () => (up ? done : later));
    await outbox.add(row("a"));
    await outbox.drain();
    await outbox.add(row("b"));
    await outbox.drain();
    expect(new Set(sent)).toEqual(new Set(["a"]));
    up = true;
    await vi.advanceTimersByTimeAsync(1_100);
    await quiet(outbox);
    expect(sent.slice(-2)).toEqual(["a", "b"]);
  });

  it("sends with the same key again when the answer was lost", async () => {
    let tries = 0;
    const keys: string[] = [];
    const { outbox } = box(await open(), (each) => {
      keys.push(each.key);
      tries += 1;
      return tries === 1 ? later : done;
    });
    await outbox.add(row("a"));
    await outbox.drain();
    await vi.advanceTimersByTimeAsync(1_100);
    await quiet(outbox);
    expect(keys).toEqual(["a", "a"]);
  });

  it("puts what is refused aside, goes on, and never drops it by itself", async () => {
    const { outbox, sent, news } = box(await open(), (each) =>
      each.key === "bad" ? { kind: "refused", reason: "NO", message: "not so" } : done,
    );
    await outbox.add(row("bad"));
    await outbox.add(row("good"));
    await vi.waitFor(() => expect(sent).toEqual(["bad", "good"]));
    await outbox.drain();
    const [left] = await outbox.rows();
    expect(left).toMatchObject({ key: "bad", state: "attention", reason: "NO" });
    expect(news).toContainEqual({ kind: "refused", key: "bad", reason: "NO", message: "not so" });
    await outbox.dismiss(left?.seq ?? 0);
    expect(await outbox.rows()).toEqual([]);
  });

  it("takes back what was not sent yet, and nothing else", async () => {
    const { outbox, sent } = box(await open(), () => later);
    await outbox.add(row("first"));
    await outbox.drain();
    await outbox.add(row("second"));
    expect(await outbox.withdraw("second")).toBe(true);
    expect(await outbox.withdraw("first")).toBe(false);
    expect((await outbox.rows()).map((each) => each.key)).toEqual(["first"]);
    expect(sent).not.toContain("second");
  });

  it("is emptied by one tab at a time", async () => {
    const store = await open();
    let busy = 0;
    let most = 0;
    const judge = async () => {
      busy += 1;
      most = Math.max(most, busy);
      await Promise.resolve();
      busy -= 1;
      return done;
    };
    const one = box(store, judge);
    const two = box(store, judge);
    for (let n = 0; n < 10; n += 1) await (n % 2 ? one : two).outbox.add(row(`k${n}`));
    await quiet(one.outbox);
    expect(most).toBe(1);
    expect([...one.sent, ...two.sent].sort()).toEqual(Array.from({ length: 10 }, (_, n) => `k${n}`));
  });
});

it("survives the end of the page: the next run sends what the last one could not", async () => {
  const name = "outbox-survives";
  const first = box(await IdbOutboxStore.open(name), () => later);
  await first.outbox.add({ ...row("a"), bytes: new Uint8Array([1, 2, 3]) });
  await first.outbox.drain();
  const bytes: Uint8Array[] = [];
  const second = box(await IdbOutboxStore.open(name), (each) => {
    bytes.push(each.bytes);
    return done;
  });
  await second.outbox.drain();
  expect(second.sent).toEqual(["a"]);
  expect(bytes[0]).toEqual(new Uint8Array([1, 2, 3]));
});
