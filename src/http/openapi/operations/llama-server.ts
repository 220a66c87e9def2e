import { z } from "zod";
import { embeddingSchema } from "../../../protocols/llama-server/embedding.ts";
import { fullCompletionSchema, fullInfillSchema } from "../../../protocols/llama-server/schema.ts";
import type { NamedSchema, Operation, Parameter } from "../operation.ts";
import { rerank } from "./embeddings.ts";
import { CACHED_ERRORS, count, GENERATION_ERRORS, inQuery } from "./shared.ts";

const tag = "llama-server";
const model = "smollm2-135m-instruct";

const errorBody: NamedSchema = {
  name: "LlamaServerError",
  schema: z.object({
    error: z.object({ code: z.int(), message: z.string(), type: z.string(), param: z.string().optional() }),
  }),
};

const token = {
  id: count.optional(),
  token: z.string(),
  bytes: z.array(count),
  logprob: z.number(),
};
const probabilities = z.array(z.object({ ...token, top_logprobs: z.array(z.object(token)) }));

const settings = z.looseObject({
  n_ctx: count,
  temperature: z.number(),
  n_predict: z.int(),
  samplers: z.array(z.string()),
});

const timings = z.object({
  cache_n: count,
  prompt_n: count,
  prompt_ms: z.number(),
  prompt_per_token_ms: z.number(),
  prompt_per_second: z.number(),
  predicted_n: count,
  predicted_ms: z.number(),
  predicted_per_token_ms: z.number(),
  predicted_per_second: z.number(),
});

const common = {
  index: count,
  content: z.string(),
  tokens: z.array(count),
  id_slot: z.int(),
  tokens_predicted: count,
  tokens_evaluated: count,
};

const last = z.object({
  ...common,
  stop: z.literal(true),
  model: z.string(),
  generation_settings: settings,
  prompt: z.string(),
  has_new_line: z.boolean(),
  truncated: z.boolean(),
  stop_type: z.enum(["eos", "word", "limit"]),
  stopping_word: z.string(),
  tokens_cached: count,
  timings,
  completion_probabilities: probabilities.optional(),
});
const part = z.object({ ...common, stop: z.literal(false), completion_probabilities: probabilities.optional() });

// With `response_fields` an answer has only these fields.
const some = z.record(z.string(), z.unknown());

const completionAnswers: Operation["answers"] = {
  200: {
    description:
      "The answer, or a list of several; with `stream`, parts as server-sent events, the last one of each answer with `stop`.",
    content: {
      "application/json": {
        name: "LlamaServerCompletion",
        schema: z.union([last, z.array(z.union([last, some])), some]),
      },
      "text/event-stream": { name: "LlamaServerCompletionPart", schema: z.union([part, last, some]) },
    },
  },
};

const ofModel: readonly Parameter[] = [inQuery("model", "The model to use; the first by default.", z.string())];

export const createCompletion: Operation = {
  method: "post",
  path: "/completion",
  id: "createLlamaServerCompletion",
  tag,
  summary: "Continues texts, in llama-server's form",
  request: {
    name: "LlamaServerCompletionRequest",
    schema: fullCompletionSchema,
    examples: {
      whole: { model, prompt: "The capital of France is", n_predict: 30 },
      streamed: { model, prompt: "The capital of France is", n_predict: 30, stream: true },
      "some fields": { model, prompt: "One, two,", n_predict: 8, response_fields: ["content", "timings/predicted_n"] },
    },
  },
  answers: completionAnswers,
  waits: true,
  isCached: true,
  errors: CACHED_ERRORS,
  errorBody,
};

export const createInfill: Operation = {
  ...createCompletion,
  path: "/infill",
  id: "createLlamaServerInfill",
  summary: "Fills in the text between two others, in llama-server's form",
  request: {
    name: "LlamaServerInfillRequest",
    schema: fullInfillSchema,
    examples: {
      "a function": {
        model,
        input_prefix: "def add(a, b):\n    return ",
        input_suffix: "\n",
        input_extra: [{ filename: "README.md", text: "Adds numbers.\n" }],
        n_predict: 16,
      },
    },
  },
};

export const createEmbedding: Operation = {
  method: "post",
  path: "/embedding",
  id: "createLlamaServerEmbedding",
  tag,
  summary: "Creates embeddings of texts, in llama-server's form",
  request: {
    name: "LlamaServerEmbeddingRequest",
    schema: embeddingSchema,
    examples: { "a text": { model, content: "The sky is blue." } },
  },
  answers: {
    200: {
      description: "For each text, a list with its vector.",
      content: {
        "application/json": {
          name: "LlamaServerEmbeddings",
          schema: z.array(z.object({ index: count, embedding: z.array(z.array(z.number())) })),
        },
      },
    },
  },
  errors: [...GENERATION_ERRORS, 429],
  errorBody,
};

/** llama-server's other name for `/rerank`. */
export const reranking: Operation = { ...rerank, path: "/reranking", id: "llamaServerReranking", tag, errorBody };

export const showProps: Operation = {
  method: "get",
  path: "/props",
  id: "getLlamaServerProps",
  tag,
  summary: "Shows a model's properties, in llama-server's form",
  parameters: ofModel,
  answers: {
    200: {
      description: "Its context, slots, template and defaults.",
      content: {
        "application/json": {
          name: "LlamaServerProps",
          schema: z.object({
            default_generation_settings: z.object({
              id: z.int(),
              n_ctx: count,
              is_processing: z.boolean(),
              params: settings,
            }),
            total_slots: count,
            model_alias: z.string(),
            model_path: z.string(),
            modalities: z.object({ vision: z.boolean(), audio: z.boolean() }),
            chat_template: z.string(),
            bos_token: z.string(),
            eos_token: z.string(),
            build_info: z.string(),
            is_sleeping: z.boolean(),
          }),
        },
      },
    },
  },
  errors: [403, 404],
  errorBody,
};

export const showSlots: Operation = {
  method: "get",
  path: "/slots",
  id: "getLlamaServerSlots",
  tag,
  summary: "Lists a model's slots, in llama-server's form",
  description: "Doesn't show who uses them or for what.",
  parameters: ofModel,
  answers: {
    200: {
      description: "An entry for each slot.",
      content: {
        "application/json": {
          name: "LlamaServerSlots",
          schema: z.array(z.object({ id: count, n_ctx: count, speculative: z.boolean(), is_processing: z.boolean() })),
        },
      },
    },
  },
  errors: [403, 404],
  errorBody,
};

export const listLoraAdapters: Operation = {
  method: "get",
  path: "/lora-adapters",
  id: "listLlamaServerAdapters",
  tag,
  summary: "Lists no LoRA adapters: those of the settings are models of their own",
  answers: {
    200: {
      description: "An empty list.",
      content: { "application/json": { name: "LlamaServerAdapters", schema: z.array(z.unknown()).max(0) } },
    },
  },
  errors: [],
  errorBody,
};

export const setLoraAdapters: Operation = {
  method: "post",
  path: "/lora-adapters",
  id: "setLlamaServerAdapters",
  tag,
  summary: "Accepts an empty list of LoRA adapters",
  request: { name: "LlamaServerAdaptersRequest", schema: z.array(z.object({})).max(0), examples: { none: [] } },
  answers: {
    200: {
      description: "Nothing to set.",
      content: {
        "application/json": { name: "LlamaServerAdaptersSet", schema: z.object({ success: z.literal(true) }) },
      },
    },
  },
  errors: [400, 413, 415],
  errorBody,
};

const named: NamedSchema = {
  name: "LlamaServerModelRequest",
  schema: z.object({ model: z.string().min(1).max(1_024).describe("The model's id or one of its aliases.") }),
};

const done = {
  200: {
    description: "It was begun. `GET /v1/models` shows the model's state.",
    content: { "application/json": { name: "LlamaServerModelSet", schema: z.object({ success: z.literal(true) }) } },
  },
};

const managed = { method: "post", tag, answers: done, errors: [400, 403, 404, 413, 415, 503], errorBody } as const;

export const loadModel: Operation = {
  ...managed,
  path: "/models/load",
  id: "loadLlamaServerModel",
  summary: "Loads a model, as llama-server's router does",
  description: "Answers once the load has begun. If there can't be room for the model, the error says so with figures.",
  request: { ...named, examples: { load: { model } } },
  access: "admin",
};

export const unloadModel: Operation = {
  ...managed,
  path: "/models/unload",
  id: "unloadLlamaServerModel",
  summary: "Unloads a model, as llama-server's router does",
  description: "Running answers are finished first. The next request loads it again.",
  request: { ...named, examples: { unload: { model } } },
  access: "admin",
};
