// What the gateway answers on the wire, by Node's own HTTP/2 and nothing above it.
import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";

const { MUSTER_ADDRESS: address, MUSTER_TOKEN: token, MUSTER_OWNER: owner, MUSTER_LOCATION: location } = process.env;
const session = http2.connect(`http://${address}`);
session.on("goaway", () => assert.fail("the gateway wants to close the connection"));
const GET_ORDER = "/muster.orders.v1.OrderService/GetOrder";
const WATCH = "/muster.orders.v1.KitchenService/WatchKitchen";

function ask(headers, body = Buffer.alloc(0)) {
  const all = { ":method": "POST", "content-type": "application/grpc", te: "trailers", authorization: `Bearer ${token}`, ":path": GET_ORDER, ...headers };
  return new Promise((resolve, reject) => {
    const stream = session.request(all);
    const answer = { body: [], trailers: {} };
    stream.on("response", (headers) => { answer.headers = headers; });
    stream.on("trailers", (trailers) => { answer.trailers = trailers; });
    stream.on("data", (chunk) => answer.body.push(chunk));
    stream.on("end", () => resolve({ ...answer, body: Buffer.concat(answer.body).toString("latin1") }));
    stream.on("error", reject);
    stream.end(all[":method"] === "POST" ? body : undefined);
  });
}

function frame(message, flag = 0) {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The reason in the error details, which is text within them. */
function assertRefused({ headers, trailers }, code, reason) {
  const all = { ...headers, ...trailers };
  assert.deepEqual([all[":status"], all["grpc-status"]], [200, String(code)]);
  const details = Buffer.from(all["grpc-status-details-bin"], "base64").toString("latin1");
  assert(details.includes(reason), details);
  assert.match(all["x-request-id"] ?? headers["x-request-id"], /^[0-9a-f-]{36}$/);
  console.log("ok:", all["grpc-status"], reason);
}

/** Tools keep the stream of reflection open while they call, and are silent on it for long. */
async function reflect() {
  const stream = session.request({ ":method": "POST", "content-type": "application/grpc", te: "trailers", authorization: `Bearer ${owner}`, ":path": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" });
  const listServices = frame(Buffer.from([0x3a, 1, 0x2a]));
  const listed = async () => {
    stream.write(listServices);
    assert((await once(stream, "data"))[0].includes("muster.orders.v1.OrderService"));
  };
  await listed();
  await setTimeout(12_000);
  await listed();
  stream.end();
  const [trailers] = await once(stream, "trailers");
  assert.equal(trailers["grpc-status"], "0");
  console.log("ok: reflection after 12 s of silence");
}
const reflected = reflect();

for (const wrong of ["application/json", "application/connect+proto", "text/plain", "application/grpc+json"]) {
  const { headers } = await ask({ "content-type": wrong }, Buffer.from("{}"));
  assert.equal(headers[":status"], 415, wrong);
}
for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
  const { headers } = await ask({ ":method": method });
  assert.deepEqual([headers[":status"], headers.allow], [405, "POST"], method);
}
console.log("ok: 415, 405");

const unknown = 12;
assertRefused(await ask({ ":path": "/muster.orders.v1.OrderService/Nothing" }, frame(Buffer.alloc(0))), unknown, "UNKNOWN_METHOD");
assertRefused(await ask({ ":path": "/no.such.Service/Nothing" }, frame(Buffer.alloc(0))), unknown, "UNKNOWN_METHOD");

const zipped = await ask({ "grpc-encoding": "gzip" }, frame(Buffer.from("1f8b", "hex"), 1));
assertRefused(zipped, unknown, "UNSUPPORTED_ENCODING");
assert.equal(zipped.headers["grpc-accept-encoding"], "identity");

// One field of 1 MiB is a message of a little more. Field 1, a length of 2^20.
const megabyte = Buffer.concat([Buffer.from([0x0a, 0x80, 0x80, 0x40]), Buffer.alloc(1 << 20, "x")]);
assertRefused(await ask({}, frame(megabyte)), 8, "MESSAGE_TOO_LARGE");
assertRefused(await ask({}, frame(megabyte.subarray(0, 1 << 20))), 3, "MALFORMED_MESSAGE");
const half = Buffer.concat([Buffer.from([0x0a, 0x80, 0x80, 0x20]), Buffer.alloc(1 << 19, "x")]);
assertRefused(await ask({}, frame(half)), 3, "INVALID_FIELDS");
assertRefused(await ask({ "grpc-timeout": "1s" }, frame(Buffer.alloc(0))), 3, "BAD_TIMEOUT");

// Nobody but the server ends this stream.
const watch = frame(Buffer.concat([Buffer.from([0x0a, 36]), Buffer.from(location)]));
let began = Date.now();
assertRefused(await ask({ ":path": WATCH, "grpc-timeout": "300m" }, watch), 4, "DEADLINE_EXCEEDED");
assert(Date.now() - began < 1500, "the server keeps the deadline");

// The same over grpc-web: an error without messages is in the headers, one after messages is in the last frame.
const web = { "content-type": "application/grpc-web+proto" };
assertRefused(await ask(web, frame(Buffer.alloc(0))), 3, "INVALID_FIELDS");
began = Date.now();
const { body, headers } = await ask({ ...web, ":path": WATCH, "grpc-timeout": "300m" }, watch);
assert.equal(headers["content-type"], web["content-type"]);
assert.match(body, /grpc-status: ?4\r\n/);
assert.match(body, /grpc-status-details-bin: ?\S+\r\n/);
assert(Date.now() - began < 1500, "the server keeps the deadline");
console.log("ok: grpc-web trailers");

await reflected;
const took = await promisify(session.ping.bind(session))();
console.log("ok: PING", took, "ms");
session.close();
console.log("done");
