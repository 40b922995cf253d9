// Fails when the committed code of a gen folder is not what the contract says now.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const folders = ["sdk/gen", "kitchen/gen"];
const kept = mkdtempSync(join(tmpdir(), "gen-"));
for (const folder of folders) cpSync(join(root, folder), join(kept, folder), { recursive: true });

const files = (dir) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();

const read = (dir, file) => {
  try {
    return readFileSync(join(dir, file), "utf8");
  } catch {
    return undefined;
  }
};

let stale = [];
try {
  execFileSync("npm", ["run", "--silent", "gen"], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  stale = folders.flatMap((folder) => {
    const [now, before] = [join(root, folder), join(kept, folder)];
    const all = new Set([...files(now), ...files(before)]);
    return [...all].filter((file) => read(now, file) !== read(before, file)).map((file) => join(folder, file));
  });
} finally {
  for (const folder of folders) {
    rmSync(join(root, folder), { recursive: true, force: true });
    cpSync(join(kept, folder), join(root, folder), { recursive: true });
  }
  rmSync(kept, { recursive: true, force: true });
}
if (stale.length > 0) {
  console.error(`generated code is not fresh; run "npm run gen":\n  ${stale.join("\n  ")}`);
  process.exit(1);
}
console.log("generated code is fresh");
