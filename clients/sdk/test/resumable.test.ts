import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Link, Resumable } from "../src/resumable.ts";

interface Message {
  text: string;
  token: string;
}

/** A server whose every opening is scripted. */
class Script {
  readonly openings: string[] = [];
  readonly heard: string[] = [];
  readonly links: Link[] = [];
  readonly abort = new AbortController();
  aborted = 0;

  constructor(private readonly acts: ((signal: AbortSignal) => AsyncIterable<Message>)[]) {}

  run(more: { prepare?: (attempt: number, last?: ConnectError) => Promise<void>; relistOn?: string } = {}) {
    const stream = new Resumable<Message>({
      open: (token, signal) => {
        this.openings.push(token);
        signal.addEventListener("abort", () => {
          this.aborted += 1;
        });
        const act = this.acts[this.openings.length - 1] ?? forever;
        return act(signal);
      },
      take: (message) => {
        if (message.text === more.relistOn) return "relist";
        this.heard.push(message.text);
        return { token: message.token };
      },
      link: (link) => this.links.push(link),
      random: () => 1,
      ...(more.prepare ? { prepare: more.prepare } : {}),
    });
    void stream.run(this.abort.signal);
    return stream;
  }
}

const says = (...texts: string[]) =>
  async function* () {
    for (const text of texts) yield { text, token: `after-${text}` };
  };
const saysThenSilence = (...texts: string[]) =>
  async function* () {
    yield* says(...texts)();
    await new Promise(() => {});
  };
const forever = async function* (): AsyncGenerator<Message> {
  await new Promise(() => {});
};
const fails = (code: Code) =>
  // biome-ignore lint/correctness/useYield: it fails before it says anything
  async function* (): AsyncGenerator<Message> {
    throw new ConnectError("no", code);
  };

describe("a resumable stream", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  it("resumes after the last thing it heard", async () => {
    const script = new Script([says("a", "b"), saysThenSilence("c")]);
    script.run();
    await pass(500);
    expect(script.openings).toEqual(["", "after-b"]);
    expect(script.heard).toEqual(["a", "b", "c"]);
    script.abort.abort();
  });

  it("gives a silent stream up after six seconds, and drops it", async () => {
    const script = new Script([saysThenSilence("a"), saysThenSilence("b")]);
    script.run();
    await pass(5_900);
    expect(script.openings).toHaveLength(1);
    await pass(600);
    expect(script.openings).toEqual(["", "after-a"]);
    expect(script.aborted).toBe(1);
    script.abort.abort();
  });

  it("gives an opening up that nobody answers, and tries again within seconds", async () => {
    const script = new Script([forever, forever, saysThenSilence("a")]);
    script.run();
    await pass(2_000 + 125 + 2_000 + 125 + 10);
    expect(script.openings).toHaveLength(3);
    expect(script.heard).toEqual(["a"]);
    script.abort.abort();
  });

  it("starts over when its place is lost", async () => {
    const script = new Script([says("a"), fails(Code.OutOfRange), saysThenSilence("b")]);
    script.run();
    await pass(2_000);
    expect(script.openings).toEqual(["", "after-a", ""]);
    script.abort.abort();
  });

  it("starts over when a change is missing", async () => {
    const script = new Script([saysThenSilence("a", "gap"), saysThenSilence("b")]);
    script.run({ relistOn: "gap" });
    await pass(1_000);
    expect(script.openings).toEqual(["", ""]);
    expect(script.heard).toEqual(["a", "b"]);
    script.abort.abort();
  });

  it("never waits longer than three seconds between attempts", async () => {
    const script = new Script(Array.from({ length: 40 }, () => fails(Code.Unavailable)));
    script.run();
    await pass(60_000);
    const steady = script.openings.length;
    await pass(30_000);
    expect(script.openings.length - steady).toBeGreaterThanOrEqual(9);
    script.abort.abort();
  });

  it("does not wait when the network says that it is back", async () => {
    const script = new Script([...Array.from({ length: 6 }, () => fails(Code.Unavailable)), saysThenSilence("a")]);
    const stream = script.run();
    await pass(250 + 500 + 1_000 + 2_000 + 3_000 + 10);
    expect(script.openings).toHaveLength(6);
    stream.wake();
    await pass(1);
    expect(script.heard).toEqual(["a"]);
    script.abort.abort();
  });

  it("drops an opening that hangs when the network says that it is back, but not a live stream", async () => {
    const script = new Script([forever, saysThenSilence("a"), saysThenSilence("b")]);
    const stream = script.run();
    await pass(1_000);
    stream.wake();
    await pass(300);
    expect(script.heard).toEqual(["a"]);
    stream.wake();
    await pass(300);
    expect(script.openings).toHaveLength(2);
    script.abort.abort();
  });

  it("tells the reason of a refusal to what runs before the next opening", async () => {
    const codes: (Code | undefined)[] = [];
    const script = new Script([fails(Code.Unauthenticated), saysThenSilence("a")]);
    script.run({
      prepare: async (_attempt, last) => {
        codes.push(last?.code);
      },
    });
    await pass(1_000);
    expect(codes).toEqual([undefined, Code.Unauthenticated]);
    script.abort.abort();
  });

  it("stops for good when it is told to", async () => {
    const script = new Script([saysThenSilence("a")]);
    script.run();
    await pass(10);
    script.abort.abort();
    await pass(60_000);
    expect(script.openings).toHaveLength(1);
    expect(script.aborted).toBe(1);
  });
});
