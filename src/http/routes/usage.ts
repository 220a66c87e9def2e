import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context, Handler } from "hono";
import { z } from "zod";
import type { Access } from "../../keys/access.ts";
import { isLoopback } from "../../keys/exposure.ts";
import { NANOS } from "../../keys/windows.ts";
import { integer } from "../../protocols/fields.ts";
import { parseWire } from "../../protocols/issue.ts";
import { readNumbers } from "../../protocols/paging.ts";
import type { UsageStore } from "../../store/usage.ts";
import { shellCommand } from "../../version.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";

/** The most rows of one answer. */
const MAX_USAGE_ROWS = 10_000;

/** The query of `GET /admin/usage`. */
const usageQuery = z.strictObject({
  key: z.string().max(256).optional(),
  model: z.string().max(4096).optional(),
  since: z.iso.date().optional(),
  until: z.iso.date().optional(),
  limit: integer(1, MAX_USAGE_ROWS).optional(),
  offset: integer(0, 1_000_000_000).optional(),
});

/** Admits admin keys, and, without keys, clients on this machine. Throws a 403 for others. */
export function assertAdmin(c: Context<HttpEnv>): void {
  const key = c.get("key");
  const isAllowed = key === undefined ? isFromHere(c) : key.policy.admin;
  if (isAllowed) return;
  const create = shellCommand("keys create NAME --admin");
  throw new HttpError(
    403,
    key === undefined
      ? `Without keys, only the gateway's own machine may use this endpoint. Create an admin key with \`${create}\`.`
      : `This endpoint needs an admin key. Create one with \`${create}\`.`,
    "insufficient_permissions",
  );
}

/** `GET /admin/usage`: the usage of each key and model on each day, oldest first. */
export function showUsage(store: UsageStore, access: Access | undefined): Handler<HttpEnv> {
  return (c) => {
    const query = readNumbers(c.req.query(), "limit", "offset");
    const { key, model, since, until, limit = MAX_USAGE_ROWS, offset = 0 } = parseWire(usageQuery, query);
    access?.flush();
    // One more shows whether there are more.
    const found = store.exists()
      ? store.list({
          ...(key !== undefined && { key }),
          ...(model !== undefined && { model }),
          ...(since !== undefined && { since }),
          ...(until !== undefined && { until }),
          ...{ limit: limit + 1, offset },
        })
      : [];
    return c.json({
      object: "list",
      has_more: found.length > limit,
      data: found.slice(0, limit).map((row) => ({
        object: "usage",
        day: row.day,
        key_id: row.key,
        key_name: row.name,
        model: row.model,
        requests: row.requests,
        prompt_tokens: row.promptTokens,
        cached_tokens: row.cachedTokens,
        completion_tokens: row.completionTokens,
        errors: row.errors,
        refusals: row.refusals,
        cost: row.costNanos / NANOS,
        energy_joules: row.millijoules / 1_000,
      })),
    });
  };
}

/** Returns false without a connection to check. */
function isFromHere(c: Context<HttpEnv>): boolean {
  try {
    return isLoopback(getConnInfo(c).remote.address ?? "");
  } catch {
    return false;
  }
}
