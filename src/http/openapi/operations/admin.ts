import { z } from "zod";
import { BACKEND_STATES } from "../../../generation/backend.ts";
import { PRIORITIES } from "../../../generation/terms.ts";
import { versionRequestSchema } from "../../versions.ts";
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
  cost: z.number().min(0).describe("In US dollars, as far as prices are known."),
  energy_joules: z.number().min(0).describe("Of this machine's engines, measured or estimated as the settings say."),
});

export const showCache: Operation = {
  method: "get",
  path: "/admin/cache",
  id: "showCache",
  tag: "Administration",
  summary: "Shows the contents and statistics of the response cache",
  description: "Access is the same as for `GET /admin/usage`. Without a cache all numbers are 0.",
  answers: {
    200: {
      description: "The statistics.",
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
                up: z.boolean().describe("Whether it is reachable; if not, it is skipped."),
                hits: count,
                misses: count,
              })
              .optional()
              .describe("The second level, if there is one."),
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
  summary: "Deletes cached answers: all of them, or those that match a model, a key and a preset",
  parameters: [
    inQuery("model", "Only this model, by its id.", z.string().max(4096)),
    inQuery("key", "Only this key, by its id.", z.string().max(256)),
    inQuery("preset", "Only this preset, by its id.", z.string().max(256)),
  ],
  answers: {
    200: {
      description: "The number of deleted answers.",
      content: {
        "application/json": {
          name: "CacheCleared",
          schema: z.object({
            object: z.literal("cache"),
            deleted: count,
            shared: z
              .object({ deleted: count, complete: z.boolean().describe("Whether all of them were deleted there.") })
              .optional()
              .describe("Deletions in the second level, if there is one."),
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
  summary: "Warms presets: generates their likely answers and evaluates their texts",
  description:
    "Runs one request at a time while the gateway is idle, and yields to any client. Existing answers are kept. `GET /admin/cache` shows the progress.",
  parameters: [inQuery("preset", "Only this preset, by its id; all if absent.", z.string().max(256))],
  answers: {
    202: {
      description: "The presets to warm.",
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

const names = z.object({ added: z.array(z.string()), removed: z.array(z.string()), changed: z.array(z.string()) });

const settingChange = z.object({ setting: z.string(), from: z.unknown().optional(), to: z.unknown().optional() });

const modelVersions = z.object({
  object: z.literal("model.versions"),
  id: z.string(),
  versions: z.array(
    z.object({
      role: z
        .enum(["stable", "new", "former", "refused"])
        .describe(
          "`stable` answers; `new` is beside it; `former` can come back by a rollback; `refused` is named by the settings and not served.",
        ),
      name: z.string().optional().describe("The name by which it can be asked for."),
      file: z.string().optional().describe("The file's name, without its folder."),
      path: z
        .string()
        .optional()
        .describe("The file's path in the models folder, or its whole path if it is elsewhere."),
      modified_at: z.int().optional().describe("When the file was changed last, in Unix seconds."),
      quantization: z.string().optional(),
      lacks: z
        .array(z.literal("chat_template"))
        .optional()
        .describe("What the file doesn't have: without a chat template, chats are written as ChatML."),
      state: z.enum(BACKEND_STATES).optional(),
      share: z.number().min(0).max(1).optional().describe("The share of sessions that it gets."),
    }),
  ),
});

const changedVersions = {
  200: {
    description: "The model's versions now. One that has to be loaded first is `new` until then.",
    content: { "application/json": { name: "ModelVersions", schema: modelVersions } },
  },
} as const;

const versionBody = {
  name: "VersionRequest",
  schema: versionRequestSchema,
  examples: { "a model": { model: "smollm2-135m-instruct" } },
};

export const listVersions: Operation = {
  method: "get",
  path: "/admin/models",
  id: "listVersions",
  tag: "Administration",
  summary: "Lists the versions of local models",
  description: "Access is the same as for `GET /admin/usage`.",
  answers: {
    200: {
      description: "The models that the settings name.",
      content: {
        "application/json": {
          name: "ModelVersionsList",
          schema: z.object({ object: z.literal("list"), data: z.array(modelVersions) }),
        },
      },
    },
  },
  errors: [403, 500],
  access: "admin",
};

export const promoteVersion: Operation = {
  method: "post",
  path: "/admin/models/promote",
  id: "promoteVersion",
  tag: "Administration",
  summary: "Has the new version of a model answer all requests",
  description: "Ends a canary. After a rollback it serves the file again that the settings name.",
  request: versionBody,
  answers: changedVersions,
  errors: [400, 403, 404, 409, 415, 500, 501],
  access: "admin",
};

export const rollbackVersion: Operation = {
  method: "post",
  path: "/admin/models/rollback",
  id: "rollbackVersion",
  tag: "Administration",
  summary: "Goes back to the version of a model before",
  description:
    "Ends a canary, or loads the former file again and then has it answer all requests. Requests in progress end where they began. The settings' file stays refused until it changes or is promoted.",
  request: versionBody,
  answers: changedVersions,
  errors: [400, 403, 404, 409, 415, 500, 501],
  access: "admin",
};

export const reload: Operation = {
  method: "post",
  path: "/admin/reload",
  id: "reload",
  tag: "Administration",
  summary: "Reads the settings again, and takes them over while the gateway runs",
  description:
    "Reads the settings file, the catalogue, the keys and the presets. If any of them is wrong, nothing is changed. Requests in progress continue as they began. Models that are added load afterwards; those that are removed finish their requests. Access is the same as for `GET /admin/usage`.",
  answers: {
    200: {
      description: "What was changed. Secrets are not in it.",
      content: {
        "application/json": {
          name: "Reload",
          schema: z.object({
            object: z.literal("reload"),
            changed: z.boolean(),
            settings: z
              .array(settingChange)
              .describe("What is in force now. Values are there only if they can hold no secret."),
            models: names,
            upstreams: names,
            aliases: names,
            routes: names,
            presets: names,
            keys: names.describe("Those of the file of keys and of the settings, by their names."),
            needs_restart: z
              .array(settingChange.extend({ model: z.string().optional() }))
              .describe("What stays as it was until the gateway is started again; of one model, if `model` is there."),
            warnings: z
              .array(z.string())
              .describe("What is in force but may not be meant, such as a route's target that is not served now."),
          }),
        },
      },
    },
  },
  errors: [403, 415, 422, 500, 501],
  access: "admin",
};

const routeExplanation = z.object({
  object: z.literal("route"),
  route: z.string(),
  candidates: z.array(z.object({ target: z.string(), reason: z.string().nullable() })),
  excluded: z.array(z.object({ target: z.string(), reason: z.string() })),
  targets: z.array(
    z.object({
      target: z.string(),
      state: z.enum(BACKEND_STATES),
      first_token_ms: z.number().min(0).nullable().describe("Predicted for this request."),
      cost: z.number().min(0).nullable().describe("Estimated, in US dollars."),
      waiting: count.nullable(),
      running: count.nullable(),
    }),
  ),
});

export const explainRoutes: Operation = {
  method: "get",
  path: "/admin/routes",
  id: "explainRoutes",
  tag: "Administration",
  summary: "Tells where routes would send a request now, and why",
  description:
    "By the waits, states and prices of this moment. Nothing is sent. Access is the same as for `GET /admin/usage`.",
  parameters: [
    inQuery("route", "Only this route, by its name; all if absent.", z.string().min(1).max(4096)),
    inQuery("class", "The request's class; `default` if absent.", z.enum(PRIORITIES)),
    inQuery("tokens", "Tokens of its prompt.", z.number().min(0)),
    inQuery("answer_tokens", "Tokens of its answer; 256 if absent.", z.number().min(0)),
    inQuery("needs", "What it needs, with commas between: tools, schemas, logprobs, images.", z.string().max(256)),
    inQuery("key", "The id of its key.", z.string().max(256)),
    inQuery("used", "The share of its limits that the key has used; as it is now if absent.", z.number().min(0).max(1)),
    inQuery("preset", "The id of its preset.", z.string().max(256)),
    inQuery("session", "Its session.", z.string().max(4096)),
    inQuery("local_only", "Whether only local targets may answer.", z.boolean()),
    inQuery("at", "The time of the request; now if absent.", z.iso.datetime({ offset: true })),
  ],
  answers: {
    200: {
      description: "The targets that would be asked, in order, those that would not be, and what that is decided by.",
      content: {
        "application/json": {
          name: "RouteExplanations",
          schema: z.object({ object: z.literal("list"), data: z.array(routeExplanation) }),
        },
      },
    },
  },
  errors: [400, 403, 500],
  access: "admin",
};

export const listUsage: Operation = {
  method: "get",
  path: "/admin/usage",
  id: "listUsage",
  tag: "Administration",
  summary: "Shows the daily usage of each key and model",
  description:
    "Needs a key that was created with `--admin`, or, without any keys, a request from the gateway's own machine. Other requests get a 403. Days are in UTC.",
  parameters: [
    inQuery("key", "Only this key, by its id or name.", z.string().max(256)),
    inQuery("model", "Only this model, by its id.", z.string().max(4096)),
    inQuery("since", "Only this day and later ones.", z.iso.date()),
    inQuery("until", "Only this day and earlier ones.", z.iso.date()),
    inQuery("limit", "The maximum number of rows; 10,000 by default.", z.int().min(1).max(10_000)),
    inQuery("offset", "How many rows to leave out; 0 by default.", z.int().min(0)),
  ],
  answers: {
    200: {
      description: "Every day, key and model with usage, oldest first.",
      content: {
        "application/json": {
          name: "UsageList",
          schema: z.object({
            object: z.literal("list"),
            has_more: z.boolean().describe("Whether there are more rows than `limit`."),
            data: z.array(usageRow),
          }),
        },
      },
    },
  },
  errors: [400, 403, 500, 503],
  access: "admin",
};
