// A waiter and a cook in Node: @grpc/grpc-js, and the contract from the .proto files by @grpc/proto-loader.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";
import protobuf from "protobufjs";

const { MUSTER_ADDRESS: address, MUSTER_PASSWORD: password, MUSTER_LOCATION: location_id, MUSTER_BURGER: burger } = process.env;

const contract = loader.loadSync(["muster/auth/v1/session_service.proto", "muster/orders/v1/order_service.proto", "muster/orders/v1/kitchen_service.proto"], {
  includeDirs: [new URL("../../../proto", import.meta.url).pathname],
  keepCase: true,
  longs: Number,
  enums: String,
  oneofs: true,
});
const { auth, orders } = grpc.loadPackageDefinition(contract).muster;

// What errors carry (google/rpc/status.proto and error_details.proto, as far as Muster uses them).
const details = protobuf.parse(`
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; }
  message BadRequest { message FieldViolation { string field = 1; string description = 2; } repeated FieldViolation field_violations = 1; }
`, { keepCase: true }).root;
const decode = (type, bytes) => details.lookupType(type).toObject(details.lookupType(type).decode(bytes), { arrays: true });

function open(service, options = {}) {
  // An idle connection is asked every second whether it is there.
  return new service(address, grpc.credentials.createInsecure(), {
    "grpc.keepalive_time_ms": 1000,
    "grpc.keepalive_timeout_ms": 2000,
    "grpc.keepalive_permit_without_calls": 1,
    ...options,
  });
}

function call(client, method, request, { token, key, ...options } = {}) {
  const metadata = new grpc.Metadata();
  if (token) metadata.set("authorization", `Bearer ${token}`);
  if (key) metadata.set("idempotency-key", key);
  return new Promise((resolve, reject) => {
    client[method](request, metadata, options, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

async function refused(code, reason, promise, fields = []) {
  const error = await promise.then(() => assert.fail(`${reason} was expected`), (error) => error);
  assert.equal(grpc.status[error.code], code, String(error));
  const status = decode("Status", error.metadata.get("grpc-status-details-bin")[0]);
  const found = (type) => status.details.filter((any) => any.type_url.endsWith(`google.rpc.${type}`)).map((any) => decode(type, any.value))[0];
  assert.deepEqual(found("ErrorInfo"), { reason, domain: "muster.app" });
  const violations = found("BadRequest")?.field_violations ?? [];
  for (const field of fields) assert(violations.some((violation) => violation.field === field), field);
  console.log("ok:", code, reason, ...violations.map(({ field, description }) => `[${field}: ${description}]`));
}

const sessions = open(auth.v1.SessionService);
const floor = open(orders.v1.OrderService);
const kitchen = open(orders.v1.KitchenService);

const signIn = async (login) => (await call(sessions, "SignIn", { tenant_slug: "juniper", login, password })).tokens.access_token;
const [waiter, cook] = [await signIn("sam"), await signIn("kenji")];
console.log("ok: signed in");

const order = { location_id, dining_option: "DINING_OPTION_DINE_IN", table: "9", items: [{ menu_item_id: burger, quantity: 1 }] };
const place = async (key, request = order) => (await call(floor, "PlaceOrder", request, { token: waiter, key })).order;
const key = randomUUID();
const first = await place(key);
assert.deepEqual(await place(key), first, "the same key, the same answer");
console.log("ok: placed once");

const metadata = new grpc.Metadata();
metadata.set("authorization", `Bearer ${cook}`);
const stream = kitchen.WatchKitchen({ location_id }, metadata);
const messages = stream[Symbol.asyncIterator]();
async function until(kind) {
  for (;;) {
    const { value, done } = await messages.next();
    assert(!done, "the stream goes on");
    if (value.message === kind) return value[kind];
  }
}
assert((await until("snapshot")).tickets.some((ticket) => ticket.order_id === first.id));
const second = await place(randomUUID());
const change = await until("change");
assert.deepEqual([change.number, change.order_id], [1, second.id]);
await until("heartbeat");
await until("heartbeat");
stream.cancel();
await assert.rejects(messages.next(), { code: grpc.status.CANCELLED });
console.log("ok: snapshot, change, heartbeats, ended by us");

await refused("INVALID_ARGUMENT", "INVALID_FIELDS", place("wrong", { location_id: "x" }), ["location_id", "dining_option", "items"]);
await refused("INVALID_ARGUMENT", "IDEMPOTENCY_MISMATCH", place(key, { ...order, table: "10" }), ["idempotency-key"]);
await refused("NOT_FOUND", "ORDER_NOT_FOUND", call(floor, "GetOrder", { order_id: randomUUID() }, { token: waiter }));
await refused("UNAUTHENTICATED", "UNAUTHENTICATED", call(floor, "GetOrder", { order_id: randomUUID() }));
const gzip = open(orders.v1.OrderService, { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip });
await refused("UNIMPLEMENTED", "UNSUPPORTED_ENCODING", call(gzip, "PlaceOrder", order, { token: waiter, key: randomUUID() }));
const large = { ...order, notes: "x".repeat(1 << 20) };
await refused("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE", place(randomUUID(), large));

// A stream holds longer than any unary call, so its deadline can be watched.
const started = Date.now();
const brief = kitchen.WatchKitchen({ location_id }, metadata, { deadline: started + 300 });
brief.resume();
const [late] = await once(brief, "error").catch((error) => [error]);
assert.equal(late.code, grpc.status.DEADLINE_EXCEEDED);
assert(Date.now() - started < 1500, "the deadline is kept");
console.log("ok: DEADLINE_EXCEEDED after", Date.now() - started, "ms");
for (const client of [sessions, floor, kitchen, gzip]) client.close();
console.log("done");
