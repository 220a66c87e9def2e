import type { Handler } from "hono";
import { z } from "zod";
import { PRIORITIES } from "../../generation/terms.ts";
import type { KeyRing } from "../../keys/ring.ts";
import { parseWire } from "../../protocols/issue.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { RequestBook } from "../../telemetry/requests/book.ts";
import { encodeDetail, encodeSummary, keyOf, lostMs, type Writing } from "../../telemetry/requests/encode.ts";
import type { RequestRecord } from "../../telemetry/requests/record.ts";
import { durationOf } from "../../telemetry/requests/timeline.ts";
import { REQUEST_STATES } from "../../telemetry/requests/wire.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";

/** The last requests, as far as they are kept. */
export type RecentRequests = Pick<RequestBook, "list" | "find">;

/** What tells whose requests they are; undefined for a gateway that knows no keys. */
type Keys = Pick<KeyRing, "get"> | undefined;

const requestsQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,4}$/, { error: "a whole number from 1 to 1000" })
    .transform(Number)
    .pipe(z.int().min(1).max(1_000))
    .default(50),
  before: z.string().max(256).optional(),
  model: z.string().max(4_096).optional(),
  key: z.string().max(256).optional(),
  class: z.enum(PRIORITIES).optional(),
  state: z.enum(REQUEST_STATES).optional(),
  min_ms: z
    .string()
    .regex(/^\d{1,9}(\.\d{1,3})?$/, { error: "a number of milliseconds such as 250" })
    .transform(Number)
    .optional(),
  lost: z.enum(["true", "false"]).optional(),
});

/** `GET /admin/requests`: the last requests, newest first. */
export function listRequests(
  requests: RecentRequests | undefined,
  models: ModelDirectory,
  keys: Keys,
): Handler<HttpEnv> {
  return (c) => {
    const { limit, before, ...wanted } = parseWire(requestsQuery, c.req.query());
    const writing = writingFor(models, keys);
    const all = requests?.list() ?? [];
    const from = before === undefined ? 0 : all.findIndex(({ id }) => id === before) + 1;
    // One whose page has left the list meanwhile would begin anew.
    const later = before !== undefined && from === 0 ? [] : all.slice(from);
    const found = later.filter((record) => isWanted(record, wanted, writing));
    const data = found.slice(0, limit).map((record) => encodeSummary(record, writing));
    return c.json({ object: "list", data, has_more: found.length > limit });
  };
}

/** `GET /admin/requests/{id}`. */
export function showRequest(
  requests: RecentRequests | undefined,
  models: ModelDirectory,
  keys: Keys,
): Handler<HttpEnv> {
  return (c) => {
    const record = requests?.find(c.req.param("id") ?? "");
    if (record === undefined) {
      const message = "This request is not among the last ones. `GET /admin/requests` lists those that are kept.";
      throw new HttpError(404, message, "request_not_found");
    }
    return c.json(encodeDetail(record, writingFor(models, keys)));
  };
}

function isWanted(
  record: RequestRecord,
  {
    model,
    key,
    class: priority,
    state,
    min_ms: minMs = 0,
    lost,
  }: Omit<z.infer<typeof requestsQuery>, "limit" | "before">,
  writing: Writing,
): boolean {
  const owner = key === undefined ? undefined : keyOf(record, writing);
  return (
    (model === undefined || record.model === model) &&
    (key === undefined || owner?.id === key || owner?.name === key) &&
    (priority === undefined || record.class === priority) &&
    (state === undefined || record.state === state) &&
    (lost !== "true" || (lostMs(record.prefix) ?? 0) > 0) &&
    durationOf(record, writing.nowMs) >= minMs
  );
}

function writingFor(models: ModelDirectory, keys: Keys): Writing {
  return {
    nowMs: performance.now(),
    originMs: performance.timeOrigin,
    costOf: (model) => models.find(model)?.costOf,
    keyNameOf: (id) => keys?.get(id)?.name,
  };
}
