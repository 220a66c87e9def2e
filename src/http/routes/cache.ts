import type { Handler } from "hono";
import { z } from "zod";
import type { CacheControl } from "../../cache/stats.ts";
import type { PresetLibrary } from "../../prompts/library.ts";
import type { WarmUp } from "../../prompts/warm-up.ts";
import { parseWire } from "../../protocols/issue.ts";
import type { HttpEnv } from "../context.ts";

/** The query of `DELETE /admin/cache`. */
const cacheQuery = z.strictObject({
  model: z.string().max(4096).optional(),
  key: z.string().max(256).optional(),
  preset: z.string().max(256).optional(),
});

const NO_CACHE: CacheControl = {
  stats: () => ({ entries: 0, bytes: 0, maxBytes: 0, hits: 0, semanticHits: 0, misses: 0, collapsed: 0, bypassed: 0 }),
  clear: () => 0,
};

/** The query of `POST /admin/cache/warm`. */
const warmQuery = z.strictObject({ preset: z.string().max(256).optional() });

const NO_WARM_UP: Pick<WarmUp, "state" | "add"> = {
  state: () => ({ waiting: 0, isRunning: false, answers: 0, prefixes: 0 }),
  add: () => {},
};

/** `GET /admin/cache`: the response cache's contents, and its counts since the start; all 0 without a cache. */
export function showCache(cache: CacheControl = NO_CACHE, warmUp = NO_WARM_UP): Handler<HttpEnv> {
  return (c) => {
    const { maxBytes, semanticHits, ...stats } = cache.stats();
    const { isRunning, ...done } = warmUp.state();
    return c.json({
      object: "cache",
      ...stats,
      semantic_hits: semanticHits,
      max_bytes: maxBytes,
      warm_up: { ...done, running: isRunning },
      ...(cache.shared && { shared: shownShared(cache.shared) }),
    });
  };
}

/** `POST /admin/cache/warm`: starts warming one or all presets while the gateway is idle. Answers at once. */
export function warmCache(presets: PresetLibrary, warmUp = NO_WARM_UP): Handler<HttpEnv> {
  return (c) => {
    const { preset } = parseWire(warmQuery, c.req.query());
    const named = preset === undefined ? presets.list() : [presets.find({ id: preset, version: undefined })];
    const ids = named.map(({ id }) => id);
    warmUp.add(ids);
    return c.json({ object: "cache.warm_up", presets: ids }, 202);
  };
}

/** `DELETE /admin/cache`: deletes all answers, or those that match a model, a key and a preset; also from the shared level. */
export function clearCache(cache: CacheControl = NO_CACHE): Handler<HttpEnv> {
  return async (c) => {
    const { model, key, preset } = parseWire(cacheQuery, c.req.query());
    const which = {
      ...(model !== undefined && { model }),
      ...(key !== undefined && { key }),
      ...(preset !== undefined && { preset }),
    };
    // The shared level comes first, because memory is filled from it.
    const shared = await cache.shared?.clear(which);
    const deleted = cache.clear(which);
    return c.json({
      object: "cache",
      deleted,
      ...(shared && { shared: { deleted: shared.deleted, complete: shared.isComplete } }),
    });
  };
}

function shownShared({ stats }: NonNullable<CacheControl["shared"]>) {
  const { isUp, found, missed } = stats();
  return { up: isUp, hits: found, misses: missed };
}
