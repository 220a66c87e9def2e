/** `npm run build`, which npm does before it packs: JavaScript in `dist/`, with the declarations that `import … from "sluice-gateway"` needs. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "tsconfig.build.json")],
  {
    stdio: "inherit",
  },
);
const needed = new Set<string>();
collect(join(dist, "index.d.ts"));
for (const path of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  if (path.endsWith(".d.ts") && !needed.has(join(dist, path))) rmSync(join(dist, path));
}

/** Notes a file of declarations and those that it imports. */
function collect(path: string): void {
  if (needed.has(path)) return;
  needed.add(path);
  for (const [, name = ""] of readFileSync(path, "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
    collect(join(dirname(path), name.replace(/\.(ts|js)$/, ".d.ts")));
  }
}
