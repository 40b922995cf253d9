// Runs what the manual says, from top to bottom, and compares the answers that it shows.
//
//   manual.mjs FILE...     each ```sh block with a call in it, in one shell; then ```python and ```js blocks as programs.
//                          A ```json block after it is what it answers: what is there must be so, except at "…".
//                          A ```text block that begins with ERROR means that the command is refused so.
//   manual.mjs --banner F  the calls that `muster dev` printed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const root = new URL("../..", import.meta.url).pathname;
const here = (path) => new URL(path, import.meta.url).pathname;
const address = process.env.MUSTER_ADDRESS;
const folder = mkdtempSync(join(tmpdir(), "muster-manual."));
symlinkSync(here("node_modules"), join(folder, "node_modules"));

/** The blocks of a page, with line and language. */
function blocks(text) {
  const found = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  return found.map(({ 1: language, 2: body, index }) => ({ language, body, line: text.slice(0, index).split("\n").length }));
}

/** Everything that is documented is so. */
function resembles(documented, actual, where) {
  if (typeof documented === "string" && documented.includes("…")) {
    assert.equal(typeof actual, "string", where);
    assert(actual.startsWith(documented.split("…")[0]), `${where}: ${actual}`);
  } else if (documented !== null && typeof documented === "object") {
    assert(actual !== null && typeof actual === "object", `${where}: ${actual}`);
    for (const [key, value] of Object.entries(documented)) resembles(value, actual[key], `${where}.${key}`);
  } else assert.deepEqual(actual, documented, where);
}

/** A shell that remembers its variables from block to block. */
function shell(scripts, kept) {
  const all = scripts.map((body, index) => `{\n${body}\n} >${folder}/${index}.out 2>${folder}/${index}.err; echo $? >${folder}/${index}.exit`);
  writeFileSync(join(folder, "all.sh"), [...all, kept ?? ""].join("\n"));
  const env = { ...process.env, PATH: here("bin") + delimiter + process.env.PATH };
  const { status, stderr } = spawnSync("bash", [join(folder, "all.sh")], { cwd: root, env, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const read = (index, what) => readFileSync(join(folder, `${index}.${what}`), "utf8");
  return scripts.map((_, index) => ({ exit: Number(read(index, "exit")), out: read(index, "out"), err: read(index, "err") }));
}

function page(path) {
  const text = readFileSync(path, "utf8").replaceAll("127.0.0.1:8080", address);
  const all = blocks(text);
  const isCall = ({ language, body }) => language === "sh" && /\b(grpcurl|buf@\S+|curl) /.test(body);
  const calls = all.filter(isCall);
  assert(calls.length > 0, `${path} has no calls`);
  const answers = shell(calls.map(({ body }) => body), `env -0 >${folder}/env`);
  calls.forEach((call, index) => {
    const { exit, out, err } = answers[index];
    const where = `${path}:${call.line}`;
    const after = all[all.indexOf(call) + 1];
    const answer = after && !isCall(after) ? after : undefined;
    if (answer?.language === "text" && answer.body.startsWith("ERROR")) {
      assert(exit >= 64, `${where} is not refused: ${out}`);
      const refused = JSON.parse(err);
      const code = /Code: (\w+)/.exec(answer.body)[1].replace(/\B[A-Z]/g, "_$&").toLowerCase();
      assert.equal(refused.code, code, where);
      assert.equal(refused.message, /Message: (.*)/.exec(answer.body)[1], where);
      const details = refused.details.map(({ value }) => Buffer.from(value, "base64").toString()).join();
      for (const [, quoted] of answer.body.matchAll(/"(?:reason|field)": "(\S+)"/g)) assert(details.includes(quoted), `${where}: ${quoted}`);
    } else {
      assert.equal(exit, 0, `${where}: ${out}${err}`);
      if (answer?.language === "json") resembles(JSON.parse(answer.body), JSON.parse(out), where);
    }
    console.log("ok:", where);
  });
  const env = Object.fromEntries(readFileSync(join(folder, "env"), "utf8").split("\0").filter(Boolean).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
  for (const { language, body, line } of all) {
    const program = { python: ["python3", "program.py"], js: ["node", "program.mjs"] }[language];
    if (!program) continue;
    writeFileSync(join(folder, program[1]), body);
    const { status, stdout, stderr } = spawnSync(program[0], [join(folder, program[1])], { cwd: root, env, encoding: "utf8", timeout: 30_000 });
    assert.equal(status, 0, `${path}:${line}: ${stdout}${stderr}`);
    console.log("ok:", `${path}:${line}`, language);
  }
}

function banner(path) {
  const calls = [...readFileSync(path, "utf8").matchAll(/^ {2}grpcurl(?:[^\n]*\n)(?: {4,}\S[^\n]*\n)*/gm)].map(([call]) => call);
  assert.equal(calls.length, 2, "a sign-in and an order");
  const [signIn, order] = calls;
  const [token, placed] = shell([`SAID=$(${signIn}) && TOKEN=$(jq -er .tokens.accessToken <<<"$SAID")`, order]);
  assert.equal(token.exit, 0, token.err);
  assert.equal(placed.exit, 0, placed.err);
  assert.equal(JSON.parse(placed.out).order.items[0].name, "Mushroom Burger");
  console.log("ok: what dev printed");
}

try {
  const [first, ...rest] = process.argv.slice(2);
  if (first === "--banner") rest.forEach(banner);
  else [first, ...rest].forEach(page);
  console.log("done");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
