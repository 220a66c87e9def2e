import { z } from "zod";
import { PRIORITIES } from "../../../generation/terms.ts";
import { CAUSES, FINDINGS, REQUEST_STATES, ROLES, SPANS } from "../../../telemetry/requests/wire.ts";
import type { Operation } from "../operation.ts";
import { count, inPath, inQuery } from "./shared.ts";

const ms = z.number().min(0);

const summary = {
  id: z.string(),
  object: z.literal("request"),
  created_ms: z.number().describe("When it began, in Unix ms."),
  state: z.enum(REQUEST_STATES),
  path: z.string().nullable().describe("Null until it is answered."),
  status: z.int().nullable(),
  error: z.string().nullable(),
  model: z.string().nullable().describe("The model that answered, or was asked last."),
  route: z.string().nullable(),
  class: z.enum(PRIORITIES).nullable(),
  key: z.object({ id: z.string(), name: z.string() }).nullable(),
  preset: z.string().nullable(),
  prompt_tokens: count,
  cached_tokens: count,
  completion_tokens: count,
  cache: z.string().nullable().describe("What the response cache did: `hit`, `miss`, `bypass` and the like."),
  queue_ms: ms.nullable(),
  first_token_ms: ms.nullable(),
  duration_ms: ms.describe("Until now, while it runs."),
  cost: ms.nullable().describe("In US dollars; null if it isn't known."),
  why: z.string().describe("Why it was slow, or what became of it, in one sentence."),
  prefix_lost_ms: ms
    .nullable()
    .describe("What it cost that a prefix was not reused; null if nothing is known of that."),
};

const place = z.object({
  role: z.enum(ROLES),
  index: count.describe("Of the message or the tool, from 0."),
  line: count.describe("From 1."),
});

const prefix = z.object({
  type: z.enum(FINDINGS),
  sentence: z.string(),
  earlier: z.string().nullable().describe("The earlier request that it is compared with."),
  tokens: count.nullable().describe("The tokens that were evaluated again."),
  ms: ms.nullable().describe("What that took."),
  place: place.nullable().describe("The first place that differs."),
});

const detail = z.object({
  ...summary,
  operation: z.enum(["chat", "text_completion", "embeddings"]).nullable(),
  choices: count,
  max_tokens: count.nullable(),
  reasoning_tokens: count,
  energy_joules: ms.nullable(),
  spans: z
    .array(
      z.object({
        type: z.enum(SPANS),
        start_ms: ms,
        end_ms: ms,
        choice: count.nullable(),
      }),
    )
    .describe("The parts of its life, in ms since it began."),
  position: count.nullable().describe("Its place in the queue when it came; 0 if it did not wait."),
  tries: z.array(z.object({ target: z.string(), at_ms: ms })).describe("The targets of its route that were asked."),
  targets: z.array(z.object({ target: z.string(), outcome: z.string(), reason: z.string().nullable() })),
  retries: z
    .array(z.object({ upstream: z.string(), status: z.int().nullable(), pause_ms: ms }))
    .describe("The upstreams that were asked again, after which answer and which pause."),
  steps: z
    .object({
      at_ms: z.array(ms).describe("When pieces of its answer came, in ms since it began."),
      stride: count.describe("Each time stands for so many pieces."),
      pieces: count,
      longest_ms: ms.describe("The longest time between two pieces."),
      longest_at_ms: ms,
    })
    .nullable(),
  reasons: z
    .array(z.object({ cause: z.enum(CAUSES), ms, sentence: z.string() }))
    .describe("What its time was spent for, what took longest first."),
  prefix: prefix.nullable().describe("What the prefix doctor says; null until it has looked, or if it is off."),
});

export const listRequests: Operation = {
  method: "get",
  path: "/admin/requests",
  id: "listRequests",
  tag: "Administration",
  summary: "Lists the last requests, newest first",
  description:
    "Figures and names only: no prompts, no answers. They are in memory, as many as the setting `recentRequests` says. Access is the same as for `GET /admin/usage`.",
  parameters: [
    inQuery("limit", "How many; 50 if absent.", z.int().min(1).max(1_000)),
    inQuery("before", "The id of the last entry of the previous page.", z.string().max(256)),
    inQuery("model", "Only this model, by its id.", z.string().max(4_096)),
    inQuery("key", "Only this key, by its id or name.", z.string().max(256)),
    inQuery("class", "Only this class.", z.enum(PRIORITIES)),
    inQuery("state", "Only requests in this state.", z.enum(REQUEST_STATES)),
    inQuery("min_ms", "Only requests that took at least so long.", z.number().min(0)),
    inQuery("lost", "Only requests that could have reused a prefix and did not.", z.boolean()),
  ],
  answers: {
    200: {
      description: "The requests.",
      content: {
        "application/json": {
          name: "RequestList",
          schema: z.object({ object: z.literal("list"), data: z.array(z.object(summary)), has_more: z.boolean() }),
        },
      },
    },
  },
  errors: [400, 403, 500],
  access: "admin",
};

export const showRequest: Operation = {
  method: "get",
  path: "/admin/requests/{id}",
  id: "showRequest",
  tag: "Administration",
  summary: "Shows one of the last requests: what its time was spent for, and whether a prefix could have been reused",
  description: "Access is the same as for `GET /admin/usage`.",
  parameters: [inPath("id", "The request's id, as in `x-request-id`.")],
  answers: {
    200: {
      description: "The request.",
      content: { "application/json": { name: "RequestDetail", schema: detail } },
    },
  },
  errors: [403, 404, 500],
  access: "admin",
};
