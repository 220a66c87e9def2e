import { z } from "zod";
import type { Operation } from "../operation.ts";
import { count, inQuery } from "./shared.ts";

const usageRow = z.object({
  object: z.literal("usage"),
  day: z.iso.date(),
  key_id: z.string(),
  key_name: z.string(),
  model: z.string(),
  requests: count,
  prompt_tokens: count,
  cached_tokens: count,
  completion_tokens: count,
  errors: count,
  refusals: count,
});

export const showCache: Operation = {
  method: "get",
  path: "/admin/cache",
  id: "showCache",
  tag: "Administration",
  summary: "Tells what the response cache holds, and what it has done since the start",
  description: "For the same as usage is. All figures are 0 where there is no cache.",
  answers: {
    200: {
      description: "The figures.",
      content: {
        "application/json": {
          name: "CacheStats",
          schema: z.object({
            object: z.literal("cache"),
            entries: count,
            bytes: count,
            max_bytes: count,
            hits: count,
            semantic_hits: count,
            misses: count,
            collapsed: count,
            bypassed: count,
            shared: z
              .object({
                up: z.boolean().describe("Whether it answers; while it doesn't, it is passed over."),
                hits: count,
                misses: count,
              })
              .optional()
              .describe("Of the second level, where there is one."),
            warm_up: z.object({ waiting: count, answers: count, prefixes: count, running: z.boolean() }),
          }),
        },
      },
    },
  },
  errors: [403, 500],
  access: "admin",
};

export const clearCache: Operation = {
  method: "delete",
  path: "/admin/cache",
  id: "clearCache",
  tag: "Administration",
  summary:
    "Forgets stored answers: all of them, or those of a model, of a key, of a preset, or of what has all of these",
  parameters: [
    inQuery("model", "Only of this model, by its id.", z.string().max(4096)),
    inQuery("key", "Only this key's, by its id.", z.string().max(256)),
    inQuery("preset", "Only of this preset, by its id.", z.string().max(256)),
  ],
  answers: {
    200: {
      description: "How many they were.",
      content: {
        "application/json": {
          name: "CacheCleared",
          schema: z.object({
            object: z.literal("cache"),
            deleted: count,
            shared: z
              .object({ deleted: count, complete: z.boolean().describe("Whether none is left there.") })
              .optional()
              .describe("What went from the second level, where there is one."),
          }),
        },
      },
    },
  },
  errors: [400, 403, 500],
  access: "admin",
};

export const warmCache: Operation = {
  method: "post",
  path: "/admin/cache/warm",
  id: "warmCache",
  tag: "Administration",
  summary: "Has presets warmed: their likely answers generated, their texts evaluated",
  description:
    "It is done one request after the other while nobody is served, and gives way to whoever comes. What is there already is left as it is. `GET /admin/cache` tells how far it is.",
  parameters: [inQuery("preset", "Only this preset, by its id; all if absent.", z.string().max(256))],
  answers: {
    202: {
      description: "Which presets.",
      content: {
        "application/json": {
          name: "CacheWarmUp",
          schema: z.object({ object: z.literal("cache.warm_up"), presets: z.array(z.string()) }),
        },
      },
    },
  },
  errors: [400, 403, 404, 415, 500],
  access: "admin",
};

export const listUsage: Operation = {
  method: "get",
  path: "/admin/usage",
  id: "listUsage",
  tag: "Administration",
  summary: "Tells what each key used of each model on each day",
  description:
    "For keys that were made with `--admin`; without any keys, for requests from the gateway's own machine. Others get a 403. Days are those of UTC.",
  parameters: [
    inQuery("key", "Only this key's, by its id or name.", z.string().max(256)),
    inQuery("model", "Only of this model, by its id.", z.string().max(4096)),
    inQuery("since", "From this day on.", z.iso.date()),
  ],
  answers: {
    200: {
      description: "Every day, key and model with something used, oldest first.",
      content: {
        "application/json": {
          name: "UsageList",
          schema: z.object({ object: z.literal("list"), data: z.array(usageRow) }),
        },
      },
    },
  },
  errors: [400, 403, 500, 503],
  access: "admin",
};
