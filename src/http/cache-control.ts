import type { Context } from "hono";
import type { CacheWish } from "../generation/cache.ts";
import { watchCache } from "./cache-news.ts";
import type { HttpEnv } from "./context.ts";
import { wrongHeader } from "./terms.ts";

export const REPLAY_HEADER = "sluice-replay";
export const REPLAY_PACES = ["fast", "natural"] as const;

/** RFC 9111, section 1.2.2: what a number of seconds is cut to. */
const MAX_SECONDS = 2 ** 31;

/**
 * What the request asks of the cache: what its headers say goes before its key's policy, and that before its preset's. What becomes of an
 * awaited one is noted for its headers and the access log. Throws `InvalidRequestError` for a header of ours that is wrong.
 *
 * @param preset what its preset says
 * @param isAwaited false where the answer is fetched later
 */
export function makeCacheWish(c: Context<HttpEnv>, preset: CacheWish = {}, isAwaited = true): CacheWish {
  const answers = c.get("key")?.policy.cache;
  const wish = {
    ...preset,
    ...(answers !== undefined && { answers }),
    ...decodeCacheWish((name) => c.req.header(name)),
  };
  if (isAwaited) c.get("facts").cache = watchCache(wish.isPaced);
  return wish;
}

const NO_DIRECTIVES: ReadonlyMap<string, string> = new Map();

/** What the headers come to. `Cache-Control` is not ours, so directives that are not known are passed over. */
export function decodeCacheWish(header: (name: string) => string | undefined): CacheWish {
  const text = header("cache-control");
  const directives = text === undefined ? NO_DIRECTIVES : parseDirectives(text);
  const maxAgeSeconds = readSeconds(directives, "max-age");
  const staleSeconds = readSeconds(directives, "stale-while-revalidate");
  return {
    ...(directives.has("no-cache") && { noCache: true }),
    ...(directives.has("no-store") && { noStore: true }),
    ...(directives.has("only-if-cached") && { onlyIfCached: true }),
    ...(maxAgeSeconds !== undefined && { maxAgeSeconds }),
    ...(staleSeconds !== undefined && { staleWhileRevalidateSeconds: staleSeconds }),
    ...(decodePace(header(REPLAY_HEADER)) && { isPaced: true }),
  };
}

/** The directives by their names in lower case; of those that come twice, the first counts (RFC 9111, section 4.2.1). */
function parseDirectives(text: string): ReadonlyMap<string, string> {
  const directives = new Map<string, string>();
  for (const [, name = "", quoted, token] of text.matchAll(/([^\s,;="]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,;"]*)))?/g)) {
    const key = name.toLowerCase();
    if (!directives.has(key)) directives.set(key, quoted ?? token ?? "");
  }
  return directives;
}

/** What is no number of seconds is taken for the strictest, 0 (RFC 9111, section 4.2.1). */
function readSeconds(directives: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = directives.get(name);
  if (text === undefined) return undefined;
  return /^\d+$/.test(text) ? Math.min(Number(text), MAX_SECONDS) : 0;
}

function decodePace(text: string | undefined): boolean {
  if (text !== undefined && text !== "natural" && text !== "fast") {
    throw wrongHeader(REPLAY_HEADER, "`fast` or `natural`");
  }
  return text === "natural";
}
