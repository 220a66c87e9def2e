import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { serveStatic } from "@hono/node-server/serve-static";
import type { Context } from "hono";
import type { HttpEnv } from "./context.ts";
import { PAGE_PATHS } from "./page-paths.ts";

/** Where their files are, apart from the API. */
const PREFIX = "/pages/";
const ASSETS = `${PREFIX}assets/`;

/** `npm run pages` puts them there, two folders up from here both in `src` and in `dist`. */
const BUILT = new URL("../../build/pages/", import.meta.url);

/** The pages that people look at. */
export type Pages = {
  /** The path of the page's file, where a browser asks for a page by an address; undefined for all other requests. */
  readonly pathOf: (request: Request) => string | undefined;
  /** Answers for a path that `pathOf` gave, and for files; undefined for other paths, and for files that don't exist. */
  readonly answer: (c: Context<HttpEnv>) => Promise<Response | undefined>;
};

/**
 * What the pages may do: run and load what comes with them, and send requests to this gateway. What is written into a page as HTML must have
 * passed DOMPurify, which the browser enforces (Trusted Types).
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types dompurify",
].join("; ");

const HEADERS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
};

/** The name of a file there changes with its content. */
const FOREVER = "public, max-age=31536000, immutable";
const REVALIDATED = "no-cache";

/** @param folder the built pages */
export function openPages(folder: URL = BUILT): Pages {
  const root = fileURLToPath(folder);
  let isBuilt = false;

  /** They may be built while the gateway runs. */
  function areBuilt(): boolean {
    isBuilt ||= existsSync(new URL("index.html", folder));
    return isBuilt;
  }

  const send = serveStatic<HttpEnv>({
    root,
    precompressed: true,
    rewriteRequestPath: (path) => fileOf(path),
  });

  return {
    pathOf(request) {
      if (request.method !== "GET" && request.method !== "HEAD") return undefined;
      if (request.headers.get("accept")?.includes("text/html") !== true) return undefined;
      const { pathname } = new URL(request.url);
      return isPage(pathname) && (pathname === "/" || areBuilt()) ? PREFIX + pathname.slice(1) : undefined;
    },
    async answer(c) {
      const { path } = c.req;
      if (!path.startsWith(PREFIX)) return undefined;
      if (!areBuilt()) return path === PREFIX ? notBuilt(c) : undefined;
      const sent = await send(c, async () => {});
      if (!(sent instanceof Response)) return undefined;
      for (const [name, value] of Object.entries(HEADERS)) sent.headers.set(name, value);
      sent.headers.set("cache-control", path.startsWith(ASSETS) ? FOREVER : REVALIDATED);
      // The address has the API's answer, too.
      if (isPage(addressOf(path))) sent.headers.append("vary", "accept");
      return sent;
    },
  };
}

function isPage(address: string): boolean {
  return PAGE_PATHS.some((path) => path === address);
}

/** Where a reader finds the page whose file is at this path. */
function addressOf(path: string): string {
  return `/${path.slice(PREFIX.length)}`;
}

function fileOf(path: string): string {
  return isPage(addressOf(path)) ? "index.html" : path.slice(PREFIX.length);
}

function notBuilt(c: Context<HttpEnv>): Response {
  const how = "The pages are not built here. Run `npm ci && npm run pages` in Sluice's folder, then load this again.";
  return c.json({ status: "ok", name: "Sluice", api: "/v1", docs: "/docs", pages: how }, 200, { vary: "accept" });
}
