import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context, Handler } from "hono";
import { z } from "zod";
import type { Access } from "../../keys/access.ts";
import { isLoopback } from "../../keys/exposure.ts";
import { parseWire } from "../../protocols/issue.ts";
import type { UsageStore } from "../../store/usage.ts";
import { shellCommand } from "../../version.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";

/** What `GET /admin/usage` takes. */
const usageQuery = z.object({
  key: z.string().max(256).optional(),
  model: z.string().max(4096).optional(),
  since: z.iso.date().optional(),
});

/** Lets in who has a key for it, and where no key is needed whoever is on this machine. Others get a 403. */
export function assertAdmin(c: Context<HttpEnv>): void {
  const key = c.get("key");
  const isAllowed = key === undefined ? isFromHere(c) : key.policy.admin;
  if (isAllowed) return;
  const create = shellCommand("keys create NAME --admin");
  throw new HttpError(
    403,
    key === undefined
      ? `While there are no keys, only the gateway's own machine may ask for this. Create a key with \`${create}\`.`
      : `Only an admin key may ask for this. Create one with \`${create}\`.`,
    "insufficient_permissions",
  );
}

/** `GET /admin/usage`: what each key used of each model on each day, oldest first. */
export function showUsage(store: UsageStore, access: Access | undefined): Handler<HttpEnv> {
  return (c) => {
    const { key, model, since } = parseWire(usageQuery, c.req.query());
    access?.flush();
    const query = {
      ...(key !== undefined && { key }),
      ...(model !== undefined && { model }),
      ...(since !== undefined && { since }),
    };
    const rows = store.exists() ? store.list(query) : [];
    return c.json({
      object: "list",
      data: rows.map((row) => ({
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
      })),
    });
  };
}

/** Undefined too where there is no connection to look at: then nobody knows. */
function isFromHere(c: Context<HttpEnv>): boolean {
  try {
    return isLoopback(getConnInfo(c).remote.address ?? "");
  } catch {
    return false;
  }
}
