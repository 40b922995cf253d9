import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { type Link, Resumable } from "@muster/sdk/resumable";
import type { ServerClock } from "@muster/sdk/server-clock";
import type { Session } from "@muster/sdk/session";
import type { WatchKitchenResponse } from "#gen/muster/orders/v1/kitchen_service_pb";
import type { KitchenChange, KitchenSnapshot } from "#gen/muster/orders/v1/watch_pb";
import type { Heard } from "./freshness.ts";
import type { DeviceRpc } from "./rpc.ts";

export interface FeedSink {
  snapshot(snapshot: KitchenSnapshot): void;
  change(change: KitchenChange): void;
  link(link: Link): void;
}

/** The one stream of this screen. */
export class Feed {
  readonly heard: Heard = { at: undefined, asOf: undefined };
  private readonly stream: Resumable<WatchKitchenResponse>;
  /** The number that the next change must have. */
  private next = 1n;

  constructor(
    rpc: DeviceRpc,
    session: Pick<Session, "access" | "renew">,
    private readonly clock: ServerClock,
    private readonly sink: FeedSink,
    watch: { locationId: string; stationIds: readonly string[] },
    private readonly monotonic: () => number = () => performance.now(),
  ) {
    this.stream = new Resumable<WatchKitchenResponse>({
      open: (resumeToken, signal) => {
        this.next = 1n;
        const request = { locationId: watch.locationId, stationIds: [...watch.stationIds], resumeToken };
        return rpc.kitchen.watchKitchen(request, { signal, timeoutMs: 0 });
      },
      take: (message) => this.take(message),
      link: (link) => sink.link(link),
      prepare: async (_attempt, last) => {
        const token = await session.access(60_000);
        if (last?.code === Code.Unauthenticated) await session.renew(token);
      },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.stream.run(signal);
  }

  wake(): void {
    this.stream.wake();
  }

  restart(): void {
    this.stream.restart();
  }

  private take({ message }: WatchKitchenResponse): { token: string } | "relist" | undefined {
    this.heard.at = this.monotonic();
    switch (message.case) {
      case "snapshot": {
        const { now, asOf, resumeToken } = message.value;
        this.next = 1n;
        if (now) this.clock.hear(timestampMs(now));
        if (asOf) this.heard.asOf = timestampMs(asOf);
        this.sink.snapshot(message.value);
        return { token: resumeToken };
      }
      case "change": {
        const { number, resumeToken } = message.value;
        if (number !== this.next) return "relist";
        this.next += 1n;
        this.sink.change(message.value);
        return { token: resumeToken };
      }
      case "heartbeat": {
        const { now, asOf, resumeToken } = message.value;
        if (now) this.clock.hear(timestampMs(now));
        if (asOf) this.heard.asOf = timestampMs(asOf);
        return { token: resumeToken };
      }
      default:
        // A message that a newer server knows and this build does not: the change in it would be lost.
        return undefined;
    }
  }
}
