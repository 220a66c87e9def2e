import type { MiddlewareHandler } from "hono";
import type { CacheNews } from "../../generation/cache.ts";
import type { HttpEnv } from "../context.ts";

export const CACHE_STATUS_HEADER = "cache-status";
export const AGE_HEADER = "age";

/** Tells what the response cache made of the request, in the words of RFC 9211, and how old the answer is. */
export function cacheHeaders(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    await next();
    const news = c.get("facts").cache?.known();
    if (news === undefined) return;
    c.res.headers.set(CACHE_STATUS_HEADER, formatCacheStatus(news, c.res.status < 400));
    if (news.type === "hit") c.res.headers.set(AGE_HEADER, String(Math.floor(news.ageSeconds)));
  };
}

/** Such as `sluice; hit; ttl=3600`, or `sluice; fwd=miss; stored`. @param isAnswer false for a failure, which is never stored */
export function formatCacheStatus(news: CacheNews, isAnswer = true): string {
  switch (news.type) {
    case "hit": {
      const { ttlSeconds, detail } = news;
      return `sluice; hit; ttl=${Math.floor(ttlSeconds)}${detail === undefined ? "" : `; detail=${detail}`}`;
    }
    case "forward": {
      const { reason, stored, collapsed } = news;
      return `sluice; fwd=${reason}${stored && isAnswer ? "; stored" : ""}${collapsed ? "; collapsed" : ""}`;
    }
    case "none":
      return "sluice; detail=only-if-cached";
  }
}
