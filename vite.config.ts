import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";
import { PAGE_PATHS } from "./src/http/page-paths.ts";

/** Where `npm run pages:dev` sends requests to the API. */
const gateway = process.env.SLUICE_URL ?? "http://127.0.0.1:8080";

/** Puts a compressed copy beside each text, so that the gateway need not compress anything. */
const squeeze: Plugin = {
  name: "squeeze",
  apply: "build",
  async writeBundle({ dir }) {
    if (dir === undefined) return;
    for (const name of await readdir(dir, { recursive: true })) {
      if (!/\.(js|css|html|svg)$/.test(name)) continue;
      const path = join(dir, name);
      const text = await readFile(path);
      await writeFile(`${path}.br`, brotliCompressSync(text));
      await writeFile(`${path}.gz`, gzipSync(text, { level: 9 }));
    }
  },
};

/** As the gateway does: a browser gets a page at its path, which may be one of the API's, too. */
const atTheirPaths: Plugin = {
  name: "at-their-paths",
  apply: "serve",
  configureServer({ middlewares }) {
    middlewares.use((request, _, next) => {
      const [path] = (request.url ?? "").split("?");
      const isPage = PAGE_PATHS.some((each) => each === path) && request.headers.accept?.includes("text/html") === true;
      if (request.method === "GET" && isPage) request.url = BASE;
      next();
    });
  },
};

/** Apart from the API's paths. */
const BASE = "/pages/";

export default defineConfig({
  root: "pages",
  base: BASE,
  plugins: [squeeze, atTheirPaths],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../build/pages",
    emptyOutDir: true,
    // Those that know `light-dark()`: since the spring of 2024.
    target: ["chrome123", "firefox120", "safari17.5"],
    // The policy allows no `data:` scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { [`^(?!${BASE})`]: { target: gateway } } },
});
