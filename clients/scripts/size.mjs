// Fails when the kitchen display grows past what a slow tablet should load before the first ticket.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BARS = { initialJs: 120_000, initialCss: 20_000, lazyChunk: 130_000 };
const dist = new URL("../kitchen/dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));
const weigh = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;

const entry = Object.values(manifest).find((chunk) => chunk.isEntry);
const js = new Set();
const css = new Set();
const follow = (chunk) => {
  if (js.has(chunk.file)) return;
  js.add(chunk.file);
  for (const sheet of chunk.css ?? []) css.add(sheet);
  for (const name of chunk.imports ?? []) follow(manifest[name]);
};
follow(entry);
const sum = (files) => [...files].reduce((total, file) => total + weigh(file), 0);
const lazy = Object.values(manifest).filter((chunk) => chunk.isDynamicEntry && !js.has(chunk.file));
const largest = Math.max(0, ...lazy.map((chunk) => weigh(chunk.file)));

const found = { initialJs: sum(js), initialCss: sum(css), lazyChunk: largest };
let failed = false;
for (const [name, bar] of Object.entries(BARS)) {
  const over = found[name] > bar;
  failed ||= over;
  console.log(
    `${over ? "OVER" : "ok  "} kitchen ${name}: ${(found[name] / 1000).toFixed(1)} kB gz of ${bar / 1000} kB`,
  );
}
for (const chunk of lazy) console.log(`     ${chunk.file}: ${(weigh(chunk.file) / 1000).toFixed(1)} kB gz`);
process.exit(failed ? 1 : 0);
