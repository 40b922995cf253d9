// Bundles the page, and opens it in Chromium: at the gateway's own origin, at an origin that may call, at one that may not.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const { MUSTER_ADDRESS, MUSTER_PASSWORD: password, MUSTER_LOCATION: location, MUSTER_BURGER: burger } = process.env;
const task = { url: `http://${MUSTER_ADDRESS}`, password, location, burger };
const here = (path) => new URL(path, import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "muster-foreign."));

/** The page's code, with what `buf generate` makes of the contract. */
async function bundle() {
  const plugin = { local: here("../node_modules/.bin/protoc-gen-es"), out: join(folder, "gen"), opt: ["target=js"], include_imports: true };
  const inputs = [here("../../../proto"), here("../google")].map((directory) => ({ directory }));
  writeFileSync(join(folder, "buf.gen.yaml"), JSON.stringify({ version: "v2", plugins: [plugin], inputs }));
  execFileSync(here("../node_modules/.bin/buf"), ["generate", "--template", join(folder, "buf.gen.yaml")], { cwd: folder, stdio: "inherit" });
  const alias = { "#gen": join(folder, "gen") };
  const outfile = join(folder, "page.js");
  await build({ entryPoints: [here("page.ts")], bundle: true, format: "iife", target: "es2022", alias, nodePaths: [here("../node_modules")], outfile });
  return readFileSync(outfile, "utf8");
}

/** Another site: one empty page with the code. */
async function site(address, code) {
  const [host, port] = address.split(":");
  const server = createServer((request, response) => {
    const script = request.url === "/page.js";
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ? code : '<!doctype html><script src="/page.js"></script>');
  });
  await once(server.listen(Number(port), host), "listening");
  return server;
}

const sites = [];
let browser;
try {
  const code = await bundle();
  // Chromium tries to reach its maker's hosts unless it is told not to.
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  browser = await chromium.launch({ executablePath: process.env.MUSTER_CHROMIUM ?? "/usr/bin/chromium", args });
  let watchedBefore = false;
  const visit = async (url, inject) => {
    const page = await browser.newPage();
    const complaints = [];
    page.on("console", (message) => complaints.push(message.text()));
    await page.goto(url);
    if (inject) await page.evaluate(inject);
    const outcome = await page.evaluate((task) => globalThis.visit(task).catch((error) => String(error)), { ...task, watchedBefore });
    watchedBefore = true;
    await page.close();
    return { outcome, complaints: complaints.join("\n") };
  };
  const works = (where, { outcome, complaints }) => {
    assert(Array.isArray(outcome), `${where}: ${outcome}\n${complaints}`);
    for (const line of outcome) console.log(`ok: ${where}: ${line}`);
  };

  works("own origin", await visit(`${task.url}/healthz`, code));

  const { MUSTER_FRIEND: friend, MUSTER_STRANGER: stranger } = process.env;
  for (const address of [friend, stranger]) sites.push(await site(address, code));
  works("allowed origin", await visit(`http://${friend}/`));

  const { outcome, complaints } = await visit(`http://${stranger}/`);
  assert.match(String(outcome), /Failed to fetch/, String(outcome));
  assert.match(complaints, /blocked by CORS policy/);
  console.log("ok: another origin is refused by the preflight");
} finally {
  await browser?.close();
  for (const server of sites) server.close();
  rmSync(folder, { recursive: true, force: true });
}
console.log("done");
