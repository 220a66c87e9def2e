import { z } from "zod";
import { templateFields } from "../chat/template-arguments.ts";
import { toolFields } from "../chat/tools.ts";
import { boolean, integer, modelName, string } from "../fields.ts";
import { neighbourFormatFields } from "../format-words.ts";
import { images, ollamaMessages } from "./messages.ts";
import { ollamaOptions } from "./options.ts";

const MAX_NAME_LENGTH = 1_024;
const MAX_TOP_LOGPROBS = 20;
const MAX_INPUTS = 2_048;
const MAX_TEXT_LENGTH = 4 * 1024 * 1024;

const AN_OBJECT = { error: "an object" };
const text = z.string({ error: "a string" });
const model = modelName();

const keepAlive = z
  .union([z.number(), string(64)], { error: "a number or string" })
  .nullish()
  .describe(
    "How long the model stays loaded without requests, in seconds or as a time such as 10m; below zero for ever, 0 unloads it. Has no effect on models that stay loaded by the server's settings.",
  );

const common = {
  model,
  stream: boolean().nullish().describe("Whether to stream the answer as lines of JSON; true by default."),
  format: neighbourFormatFields.format,
  options: ollamaOptions.nullish().describe("Sampling and limits of the answer."),
  think: templateFields.think,
  keep_alive: keepAlive,
  logprobs: boolean().nullish().describe("Whether to return each token's log-probability."),
  top_logprobs: integer(0, MAX_TOP_LOGPROBS)
    .nullish()
    .describe("The number of most likely tokens to return log-probabilities for at each position; needs `logprobs`."),
  truncate: boolean().nullish().describe("Has no effect: a prompt that is too long is refused."),
  shift: boolean().nullish().describe("Has no effect: an answer ends when the context is full."),
};

/** The supported fields of `POST /api/chat`. Unknown fields are ignored, and `null` counts as absent. */
export const ollamaChatSchema = z.object(
  {
    ...common,
    messages: ollamaMessages.nullish().describe("The conversation. If empty or absent, the model is only loaded."),
    tools: toolFields.tools,
  },
  AN_OBJECT,
);

/** The fields of `POST /api/generate`. */
export const ollamaGenerateSchema = z.object(
  {
    ...common,
    prompt: text.nullish().describe("The user's message. If empty or absent, the model is only loaded."),
    suffix: text.nullish().describe("The text after the answer, for models that fill in the middle."),
    system: text.nullish().describe("The system message."),
    raw: boolean().nullish().describe("Whether to continue the prompt without the model's template."),
    images: images.nullish().describe("Refused: the model reads text only."),
  },
  AN_OBJECT,
);

/** The fields of `POST /api/embed`. */
export const ollamaEmbedSchema = z.object(
  {
    model,
    input: z
      .union([string(MAX_TEXT_LENGTH), z.array(string(MAX_TEXT_LENGTH)).max(MAX_INPUTS)], {
        error: "a string or array of strings",
      })
      .nullish()
      .describe("The texts to embed. If absent, the model is only loaded."),
    dimensions: integer(0, 65_536)
      .nullish()
      .describe("The number of dimensions to keep from each vector; 0 keeps all."),
    truncate: common.truncate,
    keep_alive: keepAlive,
  },
  AN_OBJECT,
);

/** The fields of the older `POST /api/embeddings`. */
export const ollamaEmbeddingsSchema = z.object(
  {
    model,
    prompt: string(MAX_TEXT_LENGTH).nullish().describe("The text to embed."),
    keep_alive: keepAlive,
  },
  AN_OBJECT,
);

const name = string(MAX_NAME_LENGTH);

/** The fields of `POST /api/show`, `POST /api/pull` and `DELETE /api/delete`. */
export const ollamaNameSchema = z.object(
  {
    model: name.nullish().describe("The model's name."),
    name: name.nullish().describe("Another name of `model`."),
    stream: boolean().nullish().describe("Whether to stream the progress; true by default."),
  },
  AN_OBJECT,
);

const count = z.int().min(0);
const logprob = z.object({ token: text, logprob: z.number(), bytes: z.array(count) });
const ended = {
  model: text,
  created_at: z.iso.datetime(),
  done: z.boolean(),
  done_reason: z.enum(["stop", "length", "load", "unload"]).optional(),
  logprobs: z.array(logprob.extend({ top_logprobs: z.array(logprob).optional() })).optional(),
  total_duration: count.optional().describe("In nanoseconds, as all durations."),
  load_duration: count.optional(),
  prompt_eval_count: count.optional(),
  prompt_eval_duration: count.optional(),
  eval_count: count.optional(),
  eval_duration: count.optional(),
};
const call = z.object({
  id: text,
  function: z.object({ index: count, name: text, arguments: z.record(z.string(), z.unknown()) }),
});

/** An answer of `/api/chat`, or one line of its stream. */
export const ollamaChatAnswer = z.object({
  ...ended,
  message: z.object({
    role: z.literal("assistant"),
    content: text,
    thinking: text.optional(),
    tool_calls: z.array(call).optional(),
  }),
});

/** An answer of `/api/generate`, or one line of its stream. */
export const ollamaGenerateAnswer = z.object({ ...ended, response: text, thinking: text.optional() });

export const ollamaEmbedAnswer = z.object({
  model: text,
  embeddings: z.array(z.array(z.number())),
  total_duration: count,
  load_duration: count,
  prompt_eval_count: count,
});

export const ollamaEmbeddingsAnswer = z.object({ embedding: z.array(z.number()) });

const details = z.object({
  parent_model: text,
  format: text,
  family: text,
  families: z.array(text),
  parameter_size: text,
  quantization_level: text,
  context_length: count.optional(),
  embedding_length: count.optional(),
});
const capabilities = z.array(z.enum(["completion", "tools", "insert", "embedding"]));
const listed = { name: text, model: text, size: count, digest: text, details };

export const ollamaTags = z.object({
  models: z.array(z.object({ ...listed, modified_at: z.iso.datetime(), capabilities })),
});

export const ollamaRunning = z.object({
  models: z.array(
    z.object({
      ...{ ...listed, context_length: count.optional(), expires_at: z.iso.datetime(), size_vram: count },
      pinned: z.literal(true).optional(),
      replicas: z.object({ ready: count, all: count }).optional(),
    }),
  ),
});

export const ollamaModel = z.object({
  parameters: text,
  template: text,
  details,
  model_info: z.record(z.string(), z.unknown()),
  capabilities,
  modified_at: z.iso.datetime(),
});

/** An answer of `/api/pull`, or one line of its stream. */
export const ollamaProgress = z.union([
  z.object({ status: text, digest: text.optional(), total: count.optional(), completed: count.optional() }),
  z.object({ error: text }),
]);

export const ollamaVersion = z.object({ version: text });

export const ollamaError = z.object({ error: text });
