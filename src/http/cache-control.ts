import type { Context } from "hono";
import type { CacheWish } from "../generation/cache.ts";
import { watchCache } from "./cache-news.ts";
import type { HttpEnv } from "./context.ts";
import { wrongHeader } from "./terms.ts";

export const REPLAY_HEADER = "sluice-replay";
export const REPLAY_PACES = ["fast", "natural"] as const;

/** The maximum for a number of seconds (RFC 9111, section 1.2.2). */
const MAX_SECONDS = 2 ** 31;

/**
 * Returns a request's cache settings: its headers override its key's policy, which overrides its preset. For an awaited request the cache's
 * decision is noted for the headers and the access log. Throws `InvalidRequestError` if a header of Sluice's is invalid.
 *
 * @param preset the preset's settings
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

/** Decodes the headers. `Cache-Control` isn't ours, so unknown directives are ignored. */
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

/** Returns the directives by their names in lower case. The first of a repeated one counts (RFC 9111, section 4.2.1). */
function parseDirectives(text: string): ReadonlyMap<string, string> {
  const directives = new Map<string, string>();
  for (const [, name = "", quoted, token] of text.matchAll(/([^\s,;="]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,;"]*)))?/g)) {
    const key = name.toLowerCase();
    if (!directives.has(key)) directives.set(key, quoted ?? token ?? "");
  }
  return directives;
}

/** An invalid number of seconds counts as the strictest, 0 (RFC 9111, section 4.2.1). */
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
