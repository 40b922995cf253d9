import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import {
  type WatchKitchenRequest,
  type WatchKitchenResponse,
  WatchKitchenResponseSchema,
} from "@muster/sdk/gen/muster/orders/v1/kitchen_service_pb";
import {
  KitchenChangeSchema,
  KitchenHeartbeatSchema,
  KitchenSnapshotSchema,
} from "@muster/sdk/gen/muster/orders/v1/watch_pb";
import { type Happening, LOCATION, refuse, type Shop } from "./shop.ts";

export interface StreamOptions {
  heartbeatMs: number;
  /** How far the log reader lags behind, for a live link with old news. */
  lagMs(): number;
}

/** The stream of the contract: a snapshot, then what was missed or numbered changes, and heartbeats. */
export class StreamHub {
  private readonly past: Happening[] = [];
  /** What a token may still point at. */
  kept = 1_000;

  constructor(
    private readonly shop: Shop,
    private readonly options: StreamOptions,
  ) {
    shop.listen((happening) => this.past.push(happening));
  }

  async *watch(request: WatchKitchenRequest, signal: AbortSignal): AsyncGenerator<WatchKitchenResponse> {
    if (request.locationId !== LOCATION)
      throw refuse(Code.NotFound, "LOCATION_NOT_FOUND", "There is no such location.");
    const watched = (id: string) => request.stationIds.length === 0 || request.stationIds.includes(id);
    let at = Number(request.resumeToken || "-1");
    let number = 0n;
    if (at < 0 || this.past.length - at > this.kept || at > this.past.length) {
      at = this.past.length;
      yield this.snapshot(watched, at);
    }
    let wake = () => {};
    const stop = this.shop.listen(() => wake());
    signal.addEventListener("abort", () => wake());
    try {
      while (!signal.aborted) {
        const happening = this.past[at];
        if (happening) {
          at += 1;
          number += 1n;
          yield this.change(happening, number, at, watched);
          continue;
        }
        yield this.heartbeat(at);
        if (this.past[at]) continue;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, this.options.heartbeatMs);
          const done = () => {
            clearTimeout(timer);
            resolve();
          };
          wake = done;
        });
      }
    } finally {
      stop();
    }
  }

  private snapshot(watched: (id: string) => boolean, at: number): WatchKitchenResponse {
    const tickets = this.shop.allOpen().filter((ticket) => watched(ticket.stationId));
    const value = create(KitchenSnapshotSchema, {
      locationId: LOCATION,
      locationName: "Main Street",
      timeZone: "America/New_York",
      stations: this.shop.stations,
      tickets,
      stock: [...this.shop.stock.values()],
      now: timestampNow(),
      asOf: timestampFromMs(Date.now() - this.options.lagMs()),
      resumeToken: String(at),
    });
    return create(WatchKitchenResponseSchema, { message: { case: "snapshot", value } });
  }

  private change(
    happening: Happening,
    number: bigint,
    at: number,
    watched: (id: string) => boolean,
  ): WatchKitchenResponse {
    const value = create(KitchenChangeSchema, {
      number,
      resumeToken: String(at),
      at: timestampNow(),
      cause: happening.cause,
      orderId: happening.orderId,
      stationId: happening.stationId,
      tickets: happening.tickets.filter((ticket) => watched(ticket.stationId)),
      removedTicketIds: happening.removed.filter((id) => watched(id.split("/")[1] ?? "")),
      stock: happening.stock,
    });
    return create(WatchKitchenResponseSchema, { message: { case: "change", value } });
  }

  private heartbeat(at: number): WatchKitchenResponse {
    const value = create(KitchenHeartbeatSchema, {
      now: timestampNow(),
      asOf: timestampFromMs(Date.now() - this.options.lagMs()),
      resumeToken: String(at),
    });
    return create(WatchKitchenResponseSchema, { message: { case: "heartbeat", value } });
  }
}
