import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { localLock } from "../src/lock.ts";
import { Session, type TokenStore, type Tokens } from "../src/session.ts";

class Store implements TokenStore {
  held: Tokens | undefined;
  load = async () => this.held;
  save = async (tokens: Tokens) => {
    this.held = tokens;
  };
  clear = async () => {
    this.held = undefined;
  };
}

const NOW = 1_000_000;

function setUp(more: { fail?: Code } = {}) {
  const store = new Store();
  store.held = { access: "a0", refresh: "r0", accessFrom: 0, accessUntil: NOW - 1 };
  const renewals: string[] = [];
  let ended = 0;
  const make = () =>
    new Session({
      store,
      lock: localLock,
      now: () => NOW,
      onEnded: () => {
        ended += 1;
      },
      renew: async (refresh) => {
        renewals.push(refresh);
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (more.fail) throw new ConnectError("no", more.fail);
        const n = renewals.length;
        return { access: `a${n}`, refresh: `r${n}`, accessFrom: 0, accessUntil: NOW + 600_000 };
      },
    });
  return { store, renewals, make, ended: () => ended };
}

describe("a session", () => {
  it("renews once for ten calls at the same time", async () => {
    const { make, renewals } = setUp();
    const session = make();
    await session.restore();
    const tokens = await Promise.all(Array.from({ length: 10 }, () => session.access()));
    expect(renewals).toEqual(["r0"]);
    expect(new Set(tokens)).toEqual(new Set(["a1"]));
  });

  it("renews once for two tabs, and never shows a refresh token twice", async () => {
    const { make, renewals } = setUp();
    const [one, two] = [make(), make()];
    await Promise.all([one.restore(), two.restore()]);
    const tokens = await Promise.all([one.access(), two.access(), one.access(), two.access()]);
    expect(renewals).toEqual(["r0"]);
    expect(new Set(tokens)).toEqual(new Set(["a1"]));
  });

  it("takes the token that another tab renewed when its own was refused", async () => {
    const { make, renewals } = setUp();
    const [one, two] = [make(), make()];
    await Promise.all([one.restore(), two.restore()]);
    const stale = await one.access();
    await two.access();
    await two.renew(stale);
    expect(await one.renew(stale)).toMatchObject({ access: "a2" });
    expect(renewals).toEqual(["r0", "r1"]);
  });

  it("renews at half of its life when it is asked to, and not before", async () => {
    const { make, store, renewals } = setUp();
    store.held = { access: "a0", refresh: "r0", accessFrom: NOW - 100, accessUntil: NOW + 200 };
    const session = make();
    await session.restore();
    await session.freshen();
    expect(renewals).toEqual([]);
    store.held = { access: "a0", refresh: "r0", accessFrom: NOW - 200, accessUntil: NOW + 100 };
    await session.restore();
    await session.freshen();
    expect(renewals).toEqual(["r0"]);
  });

  it("is over when the refresh token is refused", async () => {
    const { make, store, ended } = setUp({ fail: Code.Unauthenticated });
    const session = make();
    await session.restore();
    await expect(session.access()).rejects.toThrow();
    expect(store.held).toBeUndefined();
    expect(ended()).toBe(1);
  });

  it("keeps its tokens when the server cannot be reached", async () => {
    const { make, store, ended } = setUp({ fail: Code.Unavailable });
    const session = make();
    await session.restore();
    await expect(session.access()).rejects.toThrow();
    expect(store.held?.refresh).toBe("r0");
    expect(ended()).toBe(0);
  });
});
