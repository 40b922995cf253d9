import "fake-indexeddb/auto";
import { Code, ConnectError, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { routes, type SimAuth } from "@muster/e2e/sim/routes";
import { GRILL, LOCATION, Shop } from "@muster/e2e/sim/shop";
import { StreamHub } from "@muster/e2e/sim/stream";
import { localLock } from "@muster/sdk/lock";
import { Outbox, type OutboxStore } from "@muster/sdk/outbox";
import { MemoryOutboxStore } from "@muster/sdk/outbox-memory";
import { ServerClock } from "@muster/sdk/server-clock";
import { withIdempotencyKey } from "@muster/sdk/transport";
import { vi } from "vitest";
import { send } from "../src/data/commands.ts";
import { Cook } from "../src/data/cook.ts";
import { Feed } from "../src/data/feed.ts";
import { Kitchen } from "../src/data/kitchen.ts";
import { deviceRpc } from "../src/data/rpc.ts";
import type { Signal } from "../src/model/signals.ts";

/** A screen and a restaurant, joined by a network that can be cut, all in memory. */
export class Rig {
  readonly shop = new Shop();
  readonly hub = new StreamHub(this.shop, { heartbeatMs: 50, lagMs: () => 0 });
  readonly signals: Signal[] = [];
  readonly clock = new ServerClock();
  readonly auth: SimAuth = { approved: true, tokens: new Set(["t"]), refreshes: 0, accessLifeMs: 600_000 };
  readonly kitchen: Kitchen;
  readonly cook: Cook;
  readonly feed: Feed;
  readonly outbox: Outbox;
  /** Calls fail as if the network were gone. */
  cut = false;
  /** The server does it, and the answer is lost. */
  loseAnswers = false;
  private readonly abort = new AbortController();

  constructor(stationIds: string[] = [GRILL.id], store: OutboxStore = new MemoryOutboxStore()) {
    const network: Interceptor = (next) => async (request) => {
      request.header.set("authorization", "Bearer t");
      if (this.cut) throw new ConnectError("cut", Code.Unavailable);
      const answer = await next(request);
      if (this.loseAnswers && !request.stream) throw new ConnectError("lost", Code.Unavailable);
      return answer;
    };
    const transport = createRouterTransport((router) => routes(router, this.shop, this.hub, this.auth), {
      transport: { interceptors: [withIdempotencyKey, network] },
    });
    this.outbox = new Outbox({ store, lock: localLock, send: (row) => send(transport, row), delay: () => 30 });
    this.kitchen = new Kitchen({ outbox: this.outbox, stationIds, signal: (signal) => this.signals.push(signal) });
    this.cook = new Cook(this.kitchen, LOCATION);
    const session = { access: async () => "t", renew: async () => ({}) as never };
    this.feed = new Feed(deviceRpc(transport), session, this.clock, this.kitchen, { locationId: LOCATION, stationIds });
  }

  async open(): Promise<this> {
    await this.kitchen.start();
    void this.feed.run(this.abort.signal);
    await vi.waitFor(() => {
      if (this.kitchen.store.get().link.state !== "live") throw new Error("not live");
    });
    return this;
  }

  close(): void {
    this.abort.abort();
  }

  get state() {
    return this.kitchen.store.get();
  }

  get numbers(): number[] {
    return this.state.view.cards.map((card) => card.ticket.number);
  }

  card(number: number) {
    const card = this.state.view.cards.find((each) => each.ticket.number === number);
    if (!card) throw new Error(`no ticket ${number} on the screen`);
    return card;
  }
}

export const settled = (rig: Rig) =>
  vi.waitFor(() => {
    if (rig.state.queued > 0 || rig.state.intents.length > 0) throw new Error("still waiting");
  });
