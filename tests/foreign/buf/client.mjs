// A waiter and a cook on the command line: `buf curl`, and the contract out of reflection.
//
//   client.mjs open      reflection is open to everybody (development)
//   client.mjs guarded   reflection needs a permission (production)
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";

const { MUSTER_ADDRESS: address, MUSTER_PASSWORD: password, MUSTER_LOCATION: location_id, MUSTER_BURGER: burger } = process.env;
const buf = new URL("../node_modules/.bin/buf", import.meta.url).pathname;
const proto = new URL("../../../proto", import.meta.url).pathname;
const PLAIN = ["curl", "--http2-prior-knowledge", "--protocol", "grpc"];

/** Runs `buf curl`: what it printed, or the error that it printed. */
function curl(method, ...args) {
  return new Promise((resolve, reject) => {
    execFile(buf, [...PLAIN, ...args, `http://${address}${method}`], (failure, out, err) => {
      if (failure) reject(Object.assign(new Error(`${args.join(" ")}: ${err}`), { exit: failure.code, text: err }));
      else resolve(out);
    });
  });
}
const ask = async (method, request, ...args) => JSON.parse(await curl(method, ...args, "-d", JSON.stringify(request)));
const bearer = (token) => ["-H", `authorization: Bearer ${token}`];
const keyed = (key) => ["-H", `idempotency-key: ${key}`];

/** Checks code, exit status, reason and fields of a refusal. buf leaves the details encoded. */
async function refused(code, exit, reason, call, fields = []) {
  const error = await call.then(() => assert.fail(`${reason} was expected`), (error) => error);
  const { code: found, message, details = [] } = JSON.parse(error.text);
  assert.deepEqual([found, error.exit], [code, exit], error.text);
  const text = (type) => Buffer.from(details.find((detail) => detail.type === `google.rpc.${type}`)?.value ?? "", "base64").toString();
  assert(text("ErrorInfo").includes(reason), error.text);
  for (const field of fields) assert(text("BadRequest").includes(field), field);
  console.log("ok:", code, reason, JSON.stringify(message));
}

const SIGN_IN = "/muster.auth.v1.SessionService/SignIn";
const GET = "/muster.orders.v1.OrderService/GetOrder";
const signIn = async (login, ...args) => (await ask(SIGN_IN, { tenant_slug: "juniper", login, password }, ...args)).tokens.accessToken;

async function open() {
  for (const version of ["grpc-v1", "grpc-v1alpha"]) {
    const services = (await curl("", "--reflect", "--reflect-protocol", version, "--list-services")).split("\n");
    assert(services.includes("muster.orders.v1.OrderService") && services.includes("grpc.health.v1.Health"), String(services));
    const methods = (await curl("", "--reflect-protocol", version, "--list-methods")).split("\n");
    assert(methods.includes("muster.orders.v1.KitchenService/WatchKitchen"), String(methods));
    console.log("ok:", version, services.length, "services,", methods.length, "methods");
  }
  assert.deepEqual(await ask("/grpc.health.v1.Health/Check", {}), { status: "SERVING" });
  const [waiter, cook] = [await signIn("sam"), await signIn("kenji")];
  console.log("ok: signed in");

  const order = { location_id, dining_option: "DINING_OPTION_DINE_IN", table: "3", items: [{ menu_item_id: burger, quantity: 2 }] };
  const place = async (key, request = order, ...args) =>
    (await ask("/muster.orders.v1.OrderService/PlaceOrder", request, ...bearer(waiter), ...keyed(key), ...args)).order;
  const key = randomUUID();
  const first = await place(key);
  assert.deepEqual(await place(key), first, "the same key, the same answer");
  // Also without reflection, and over HTTP/1.1 as grpc-web.
  const web = [buf, "curl", "--protocol", "grpcweb", "--schema", proto, "-d", JSON.stringify({ order_id: first.id }), ...bearer(waiter), `http://${address}${GET}`];
  const found = await new Promise((resolve, reject) => execFile(web[0], web.slice(1), (e, out) => (e ? reject(e) : resolve(out))));
  assert.deepEqual(JSON.parse(found).order, first);
  console.log("ok: placed once, and found over HTTP/1.1");

  const watch = spawn(buf, [...PLAIN, ...bearer(cook), "-d", JSON.stringify({ location_id }), `http://${address}/muster.orders.v1.KitchenService/WatchKitchen`], { detached: true });
  const messages = documents(watch.stdout);
  const until = async (kind) => {
    for (;;) {
      const { value, done } = await messages.next();
      assert(!done, "the stream goes on");
      if (value[kind]) return value[kind];
    }
  };
  assert((await until("snapshot")).tickets.some((ticket) => ticket.orderId === first.id));
  const second = await place(randomUUID());
  const change = await until("change");
  assert.deepEqual([change.number, change.orderId], ["1", second.id]);
  await until("heartbeat");
  process.kill(-watch.pid); // what npm installs as buf is only the parent of the real one
  console.log("ok: snapshot, change, heartbeat");

  await refused("invalid_argument", 3 << 3, "INVALID_FIELDS", place("wrong", { location_id: "x" }), ["location_id", "dining_option", "items"]);
  await refused("invalid_argument", 3 << 3, "IDEMPOTENCY_MISMATCH", place(key, { ...order, table: "4" }), ["idempotency-key"]);
  await refused("not_found", 5 << 3, "ORDER_NOT_FOUND", ask(GET, { order_id: randomUUID() }, ...bearer(waiter)));
  await refused("unauthenticated", 16 << 3, "UNAUTHENTICATED", ask(GET, { order_id: randomUUID() }));
}

/** The JSON documents that a stream consists of, as they come. */
async function* documents(stream) {
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) {
    text += chunk;
    for (let end; (end = text.indexOf("\n}\n")) >= 0; text = text.slice(end + 3)) yield JSON.parse(text.slice(0, end + 3));
  }
}

async function guarded() {
  const list = (version, ...args) => curl("", "--reflect-protocol", version, "--list-services", ...args);
  const token = async (login) => bearer(await signIn(login, "--schema", proto));
  const as = (header) => ["--reflect-header", header[1]];
  const [owner, waiter] = [await token("olive"), await token("sam")];
  for (const version of ["grpc-v1", "grpc-v1alpha"]) {
    // buf words this as if its own registry had refused it.
    await assert.rejects(list(version), /not authenticated/);
    await assert.rejects(list(version, ...as(waiter)), /permission_denied|permission denied|does not allow/i);
    assert.match(await list(version, ...as(owner)), /^muster\.orders\.v1\.OrderService$/m);
  }
  console.log("ok: reflection is for the owner");
  // With `*` the headers of the call go to reflection too.
  const found = await ask("/muster.auth.v1.SessionService/WhoAmI", {}, ...owner, "--reflect-header", "*");
  assert.equal(found.person.loginName, "olive");
  await refused("unauthenticated", 16 << 3, "UNAUTHENTICATED", ask(GET, { order_id: randomUUID() }, "--schema", proto));
}

await { open, guarded }[process.argv[2]]();
console.log("done");
