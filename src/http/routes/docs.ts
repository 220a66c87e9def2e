import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Handler } from "hono";
import { readVersion } from "../../version.ts";
import type { HttpEnv } from "../context.ts";
import { describeApi, mountAt } from "../openapi/document.ts";
import type { Operation } from "../openapi/operation.ts";

const DOCUMENT_PATH = "/openapi.json";

/** A new version of Sluice may have a new page. */
const REVALIDATED = { "cache-control": "no-cache" };

/** `GET /openapi.json`. The document is made at the first request. */
export function openapiDocument(operations: readonly Operation[]): Handler<HttpEnv> {
  const describe = once(() => describeApi(operations, readVersion()));
  return (c) => {
    const prefix = c.req.path.slice(0, -DOCUMENT_PATH.length);
    return c.json(mountAt(describe(), prefix), 200, REVALIDATED);
  };
}

/** `GET /docs`: one self-contained page. It sends requests to this server only. */
export function docsPage(): Handler<HttpEnv> {
  const build = once(buildPage);
  return (c) => {
    const { html, policy } = build();
    return c.html(html, 200, {
      ...REVALIDATED,
      "content-security-policy": policy,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
  };
}

function buildPage(): { readonly html: string; readonly policy: string } {
  const style = readWebFile("style.css");
  const scripts = ["fields.js", "page.js"].map(readWebFile);
  const html = readWebFile("index.html")
    .replace("<!-- style -->", () => `<style>${style}</style>`)
    .replace("<!-- scripts -->", () => scripts.map((script) => `<script type="module">${script}</script>`).join("\n"));
  const policy = [
    "default-src 'none'",
    `style-src ${hashSource(style)}`,
    `script-src ${scripts.map(hashSource).join(" ")}`,
    "connect-src 'self'",
    // For the page's icon.
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return { html, policy };
}

/** The files are not compiled: they are in `src`, three folders up from here both in `src` and in `dist`. */
function readWebFile(name: string): string {
  return readFileSync(new URL(`../../../src/web/docs/${name}`, import.meta.url), "utf8");
}

/** The source that allows exactly this text. https://www.w3.org/TR/CSP3/#grammardef-hash-source */
function hashSource(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
