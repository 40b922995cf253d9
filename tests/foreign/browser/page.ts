// A waiter and a cook in a browser: Connect-ES over grpc-web, with code that protoc-gen-es generated.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { BadRequestSchema, ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.js";
import { SessionService } from "#gen/muster/auth/v1/session_service_pb.js";
import { KitchenService, WatchKitchenResponse } from "#gen/muster/orders/v1/kitchen_service_pb.js";
import { DiningOption } from "#gen/muster/orders/v1/station_pb.js";
import { OrderService } from "#gen/muster/orders/v1/order_service_pb.js";

type Task = { url: string; password: string; location: string; burger: string; watchedBefore: boolean };

function check(truth: unknown, what: string): asserts truth {
  if (!truth) throw new Error(what);
}

async function refused(code: Code, reason: string, call: Promise<unknown>, fields: string[] = []): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown) => ConnectError.from(thrown),
  );
  check(error?.code === code, `${reason}: ${error}`);
  const [info] = error.findDetails(ErrorInfoSchema);
  check(info?.reason === reason && info.domain === "muster.app", `${info?.reason} is not ${reason}`);
  const found = error.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations.map((violation) => violation.field));
  for (const field of fields) check(found.includes(field), `${field} is not named`);
  return `${Code[code]} ${reason} ${found.join(", ")}`;
}

async function visit({ url, password, location, burger, watchedBefore }: Task): Promise<string[]> {
  const transport = createGrpcWebTransport({ baseUrl: url });
  const sessions = createClient(SessionService, transport);
  const orders = createClient(OrderService, transport);
  const kitchen = createClient(KitchenService, transport);

  const signIn = async (login: string) => {
    const { tokens } = await sessions.signIn({ tenantSlug: "juniper", login, password });
    return { authorization: `Bearer ${tokens?.accessToken}` };
  };
  const [waiter, cook] = [await signIn("sam"), await signIn("kenji")];

  const order = { locationId: location, diningOption: DiningOption.DINE_IN, table: "5", items: [{ menuItemId: burger, quantity: 2 }] };
  const place = (key: string, request: Parameters<typeof orders.placeOrder>[0] = order) =>
    orders.placeOrder(request, { headers: { ...waiter, "idempotency-key": key } });
  const newKey = () => Math.random().toString(36).slice(2);
  const key = newKey();
  const first = await place(key);
  const again = await place(key);
  check(first.order?.id && first.order.id === again.order?.id, "the same key, the same answer");

  const end = new AbortController();
  const stream = kitchen.watchKitchen({ locationId: location }, { headers: cook, signal: end.signal, timeoutMs: 0 });
  const messages = stream[Symbol.asyncIterator]();
  const until = async (kind: WatchKitchenResponse["message"]["case"]) => {
    for (;;) {
      const { value, done } = await messages.next();
      check(!done, "the stream goes on");
      if (value.message.case === kind) return value.message.value;
    }
  };
  const snapshot = (await until("snapshot")) as { tickets: { orderId: string }[] };
  // The board of a kitchen that was watched before may be a moment behind. What it does not show yet follows.
  const shown = snapshot.tickets.some((ticket) => ticket.orderId === first.order?.id);
  check(shown || watchedBefore, "the first order is in the snapshot");
  const second = await place(newKey());
  const follow = shown ? [second] : [first, second];
  for (const [index, { order }] of follow.entries()) {
    const change = (await until("change")) as { number: bigint; orderId: string };
    check(change.number === BigInt(index + 1) && change.orderId === order?.id, `change ${index + 1} is the next order`);
  }
  await until("heartbeat");
  await until("heartbeat");
  end.abort();

  const missing = { orderId: "01890a5d-ac96-774b-bcce-b302099a8057" };
  const began = performance.now();
  const brief = async () => {
    for await (const _ of kitchen.watchKitchen({ locationId: location }, { headers: cook, timeoutMs: 300 }));
  };
  const late = await brief().catch((thrown) => ConnectError.from(thrown));
  check(late?.code === Code.DeadlineExceeded && performance.now() - began < 1500, `the deadline is kept: ${late}`);
  return [
    "signed in, placed once, snapshot, change, heartbeats, deadline",
    await refused(Code.InvalidArgument, "INVALID_FIELDS", place("wrong", { locationId: "x" }), ["location_id", "dining_option", "items"]),
    await refused(Code.InvalidArgument, "IDEMPOTENCY_MISMATCH", place(key, { ...order, table: "6" }), ["idempotency-key"]),
    await refused(Code.NotFound, "ORDER_NOT_FOUND", orders.getOrder(missing, { headers: waiter })),
    await refused(Code.Unauthenticated, "UNAUTHENTICATED", orders.getOrder(missing)),
  ];
}

Object.assign(globalThis, { visit });
