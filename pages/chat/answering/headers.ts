import type { Facts } from "../conversation/message.ts";

/** Reads what the headers of an answer tell of its making. */
export function readHeaders(headers: Headers): Facts {
  const queueMs = Number(headers.get("sluice-queue-ms") ?? Number.NaN);
  return {
    ...text("cacheStatus", "cache-status"),
    ...(Number.isFinite(queueMs) && { queueMs }),
    ...text("route", "sluice-route"),
    ...text("requestId", "x-request-id"),
    ...text("schemaDropped", "sluice-schema-dropped"),
    ...text("toolsDropped", "sluice-tools-dropped"),
  };

  function text(name: keyof Facts, header: string): Facts {
    const value = headers.get(header);
    return value === null ? {} : { [name]: value };
  }
}

/** How the cache took part in an answer. */
export type CachePart = "hit" | "similar" | "shared" | "stored" | "miss" | "unused";

/** Reads `cache-status` (RFC 9211) as Sluice writes it: `sluice; hit; ttl=9`, `sluice; fwd=miss; stored`. */
export function readCacheStatus(value: string): CachePart {
  const words = value.split(";").map((word) => word.trim());
  if (words.includes("hit")) return words.includes("detail=SEMANTIC") ? "similar" : "hit";
  if (words.includes("fwd=bypass")) return "unused";
  if (words.includes("collapsed")) return "shared";
  return words.includes("stored") ? "stored" : "miss";
}
