import { Code, ConnectError, createClient, createRouterTransport, type HandlerContext } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { KitchenService } from "../gen/muster/orders/v1/kitchen_service_pb.ts";
import { localLock } from "../src/lock.ts";
import { Session, type Tokens } from "../src/session.ts";
import { withIdempotencyKey, withSession } from "../src/transport.ts";

function setUp() {
  let valid = "new";
  let renewals = 0;
  const keys: (string | null)[] = [];
  let held: Tokens | undefined = { access: "old", refresh: "r", accessFrom: 0, accessUntil: Date.now() + 600_000 };
  const session = new Session({
    store: {
      load: async () => held,
      save: async (tokens) => {
        held = tokens;
      },
      clear: async () => {
        held = undefined;
      },
    },
    lock: localLock,
    renew: async () => {
      renewals += 1;
      return { access: valid, refresh: "r2", accessFrom: 0, accessUntil: Date.now() + 600_000 };
    },
    onEnded: () => {},
  });
  const check = (context: HandlerContext) => {
    keys.push(context.requestHeader.get("idempotency-key"));
    if (context.requestHeader.get("authorization") !== `Bearer ${valid}`)
      throw new ConnectError("old", Code.Unauthenticated);
  };
  const transport = createRouterTransport(
    ({ service }) => {
      service(KitchenService, {
        bumpItems: (_request, context) => {
          check(context);
          return {};
        },
        listRecentTickets: (_request, context) => {
          check(context);
          return {};
        },
        watchKitchen: async function* (_request, context) {
          check(context);
          yield {};
        },
      });
    },
    { transport: { interceptors: [withIdempotencyKey, withSession(session)] } },
  );
  const client = createClient(KitchenService, transport);
  return {
    client,
    session,
    keys,
    renewals: () => renewals,
    expire: (next: string) => {
      valid = next;
    },
  };
}

it("ten calls with an old token all succeed after one renewal", async () => {
  const { client, session, renewals } = setUp();
  await session.restore();
  await Promise.all(Array.from({ length: 10 }, () => client.listRecentTickets({})));
  expect(renewals()).toBe(1);
});

it("gives a change one key, the same one when it is repeated, and a read none", async () => {
  const { client, session, keys } = setUp();
  await session.restore();
  await client.bumpItems({});
  expect(keys).toHaveLength(2);
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(keys[1]).toBe(keys[0]);
  await client.listRecentTickets({});
  expect(keys.at(-1)).toBeNull();
});

it("does not repeat a stream behind the back of its owner", async () => {
  const { client, session, renewals } = setUp();
  await session.restore();
  const read = async () => {
    for await (const _ of client.watchKitchen({})) break;
  };
  await expect(read()).rejects.toMatchObject({ code: Code.Unauthenticated });
  expect(renewals()).toBe(0);
});
