import { z } from "zod";
import { BACKEND_STATES } from "../generation/backend.ts";
import { PRIORITIES } from "../generation/terms.ts";

const count = z.int().min(0);
const ms = z.number().min(0);
const unixMs = count.describe("Unix time in ms.");

const three = z.array(ms).length(3);
const quantiles = three.nullable().describe("At 50, 95 and 99 %, over the last 15 s; null without any.");

const point = z.object({
  at: unixMs,
  tokens_per_second: z.number().min(0).describe("Generated; an estimate until answers end."),
  prompt_tokens_per_second: z.number().min(0).describe("Evaluated, when a prompt's answer begins."),
  first_token_ms: quantiles,
  between_tokens_ms: quantiles,
  waiting: count,
  running: count.describe("Requests; what the gateway evaluates for itself, such as its presets, is not counted."),
  ended: count.describe("Requests that ended in this second."),
  failed: count.describe("Those of them that failed or were refused."),
});

const event = z.object({
  at: unixMs,
  model: z.string(),
  state: z.enum(BACKEND_STATES).describe("What it became."),
});

const whose = {
  id: z.string().describe("The request's, as in `x-request-id`."),
  key: z.string().describe("Its key's name; `local` without keys."),
  class: z.enum(PRIORITIES),
};

const queued = z.object({
  ...whose,
  model: z.string(),
  state: z.enum(["waiting", "running", "aside"]).describe("`aside`: it gave its slot to another for now."),
  position: count.nullable().describe("Its likely place in the order of turns; null once it has begun."),
  waited_ms: ms.describe("So far, or until its turn came."),
  promised_ms: ms.nullable().describe("To the first token, as predicted when it came; null if it began at once."),
  eta_ms: ms.nullable().describe("To the first token, from now; null once it has begun."),
});

const slot = z.object({
  index: count,
  held_tokens: count.describe("In the KV cache: a prefix for the next request where there is none."),
  request: z
    .object({
      ...whose,
      choice: count,
      prompt_tokens: count,
      prefilled_tokens: count.describe("Of the prompt, cached ones included."),
      cached_tokens: count,
      generated_tokens: count,
      tokens_per_second: z.number().min(0).nullable().describe("Since the last snapshot; null in its first."),
    })
    .nullable(),
});

const model = z.object({
  id: z.string(),
  state: z.enum(BACKEND_STATES),
  upstream: z
    .object({
      name: z.string(),
      kind: z.string(),
      breaker: z.enum(["closed", "open", "trying"]).nullable(),
      retry_after_ms: ms,
    })
    .nullable()
    .describe("The server that answers; null for an engine of this machine."),
  memory_bytes: count.nullable(),
  unload_in_ms: ms.nullable().describe("If no request comes; null if it stays."),
  pinned: z.boolean(),
  context_tokens: count.nullable().describe("Of each slot."),
  waiting: count,
  running: count,
  first_token_ms: ms.nullable().describe("Predicted for a short request."),
  wait_ratio: three
    .nullable()
    .describe(
      "How true such predictions were: the time to the first token ÷ the one predicted, at 10, 50 and 90 % of the last 100 requests that had one and were looked at; null without any.",
    ),
  tokens_per_second: z.number().min(0),
  slots: z.array(slot),
});

const route = z.object({
  route: z.string(),
  targets: z
    .array(z.object({ target: z.string(), reason: z.string().nullable() }))
    .describe("In the order in which they would be asked."),
  excluded: z.array(z.object({ target: z.string(), reason: z.string() })),
});

const batch = z.object({
  id: z.string(),
  key: z.string().describe("Its key's name; `local` without keys."),
  endpoint: z.string(),
  model: z.string().nullable().describe("Null until its lines were checked."),
  status: z.string(),
  request_counts: z.object({ total: count, completed: count, failed: count }),
  requests_per_second: z.number().min(0).nullable(),
  eta_seconds: count.nullable().describe("Until it is done, at this load."),
  paused: z.string().nullable().describe("Why it waits."),
  upstream: z
    .object({ name: z.string(), requests: count })
    .nullable()
    .describe("The server that has so many of its requests in batches of its own."),
});

const cache = z.object({
  entries: count,
  bytes: count,
  max_bytes: count,
  hits: count,
  semantic_hits: count.describe("Those of the hits that answered another text."),
  misses: count,
  collapsed: count,
  bypassed: count,
  shared: z.object({ up: z.boolean(), hits: count, misses: count }).nullable(),
});

/** What is told each second. Nothing in it is a prompt or an answer. */
export const liveSnapshot = z.object({
  object: z.literal("live.snapshot"),
  version: z.string(),
  started_at: unixMs,
  point,
  models: z.array(model),
  queue: z.array(queued).describe("The next turn first; 64 of each model at most."),
  batches: z.array(batch).describe("Those that have not ended, the oldest first; 64 at most."),
  routes: z.array(route),
  cache: cache.nullable(),
  memory: z.object({
    process_bytes: count.describe("Of the gateway's own process."),
    models_bytes: count,
    budget_bytes: count.nullable(),
  }),
  events: z.array(event).describe("Changes since the last snapshot."),
});

/** What is told first: the seconds that were seen already. */
export const liveHistory = z.object({
  object: z.literal("live.history"),
  points: z.array(point),
  events: z.array(event),
});

export type LivePoint = z.infer<typeof point>;
export type LiveEvent = z.infer<typeof event>;
export type LiveModel = z.infer<typeof model>;
export type LiveSlot = z.infer<typeof slot>;
export type LiveQueued = z.infer<typeof queued>;
export type LiveBatch = z.infer<typeof batch>;
export type LiveRoute = z.infer<typeof route>;
export type LiveCache = z.infer<typeof cache>;
export type LiveSnapshot = z.infer<typeof liveSnapshot>;
export type LiveHistory = z.infer<typeof liveHistory>;
