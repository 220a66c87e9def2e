import type { z } from "zod";
import { IDLE_OPTIONS, REFUSALS } from "../../../protocols/ollama/options.ts";
import {
  ollamaChatAnswer,
  ollamaChatSchema,
  ollamaEmbedAnswer,
  ollamaEmbeddingsAnswer,
  ollamaEmbeddingsSchema,
  ollamaEmbedSchema,
  ollamaError,
  ollamaGenerateAnswer,
  ollamaGenerateSchema,
  ollamaModel,
  ollamaNameSchema,
  ollamaProgress,
  ollamaRunning,
  ollamaTags,
  ollamaVersion,
} from "../../../protocols/ollama/schema.ts";
import type { Operation } from "../operation.ts";
import { CACHED_ERRORS, GENERATION_ERRORS } from "./shared.ts";

const tag = "Ollama";
const errorBody = { name: "OllamaError", schema: ollamaError };
const common = { tag, errorBody } as const;

const WORDS =
  "Unknown fields and options are ignored. " +
  `These are refused, unless they ask for nothing: ${REFUSALS.map(({ param }) => `\`${param}\``).join(", ")}. ` +
  `Of \`options\`, these are taken and change nothing: ${Object.keys(IDLE_OPTIONS)
    .map((name) => `\`${name}\``)
    .join(", ")}.`;

const model = "smollm2-135m-instruct";
const messages = [{ role: "user", content: "Why is the sky blue?" }];
const options = { temperature: 0, num_predict: 30 };

const name = { name: "OllamaName", schema: ollamaNameSchema, examples: { "a model": { model } } };

/** An answer as one object, or streamed as lines of the same form. */
function linesOf(name: string, schema: z.ZodType): Operation["answers"] {
  const content = { name, schema };
  return {
    200: {
      description: "The answer; unless `stream` is false, its parts as lines of JSON.",
      content: { "application/x-ndjson": content, "application/json": content },
    },
  };
}

function answerOf(description: string, name: string, schema: z.ZodType): Operation["answers"] {
  return { 200: { description, content: { "application/json": { name, schema } } } };
}

export const chat: Operation = {
  ...common,
  method: "post",
  path: "/api/chat",
  id: "ollamaChat",
  summary: "Answers a conversation in Ollama's form, streamed or not",
  description: WORDS,
  request: {
    name: "OllamaChatRequest",
    schema: ollamaChatSchema,
    examples: { streamed: { model, messages, options }, whole: { model, messages, options, stream: false } },
  },
  answers: linesOf("OllamaChatAnswer", ollamaChatAnswer),
  waits: true,
  isCached: true,
  errors: CACHED_ERRORS,
};

export const generate: Operation = {
  ...common,
  method: "post",
  path: "/api/generate",
  id: "ollamaGenerate",
  summary: "Answers a prompt in Ollama's form, streamed or not",
  description: WORDS,
  request: {
    name: "OllamaGenerateRequest",
    schema: ollamaGenerateSchema,
    examples: {
      whole: { model, prompt: "Why is the sky blue?", options, stream: false },
      "continues a text": { model, prompt: "The sky is", raw: true, options, stream: false },
    },
  },
  answers: linesOf("OllamaGenerateAnswer", ollamaGenerateAnswer),
  waits: true,
  isCached: true,
  errors: CACHED_ERRORS,
};

export const embed: Operation = {
  ...common,
  method: "post",
  path: "/api/embed",
  id: "ollamaEmbed",
  summary: "Creates embeddings of texts, in Ollama's form",
  request: {
    name: "OllamaEmbedRequest",
    schema: ollamaEmbedSchema,
    examples: { "some texts": { model, input: ["The sky is blue.", "Rain is wet."] } },
  },
  answers: answerOf("An embedding for each input, in their order.", "OllamaEmbeddings", ollamaEmbedAnswer),
  errors: [...GENERATION_ERRORS, 429],
};

export const embeddings: Operation = {
  ...common,
  method: "post",
  path: "/api/embeddings",
  id: "ollamaEmbeddings",
  summary: "Creates an embedding of one text, in Ollama's older form",
  request: {
    name: "OllamaEmbeddingsRequest",
    schema: ollamaEmbeddingsSchema,
    examples: { "a text": { model, prompt: "The sky is blue." } },
  },
  answers: answerOf("Its embedding.", "OllamaEmbedding", ollamaEmbeddingsAnswer),
  errors: [...GENERATION_ERRORS, 429],
};

export const tags: Operation = {
  ...common,
  method: "get",
  path: "/api/tags",
  id: "ollamaTags",
  summary: "Lists the models, in Ollama's form",
  answers: answerOf("All models, and the presets.", "OllamaTags", ollamaTags),
  errors: [],
};

export const running: Operation = {
  ...common,
  method: "get",
  path: "/api/ps",
  id: "ollamaRunning",
  summary: "Lists the loaded models, in Ollama's form",
  answers: answerOf("Those that are ready.", "OllamaRunning", ollamaRunning),
  errors: [],
};

export const show: Operation = {
  ...common,
  method: "post",
  path: "/api/show",
  id: "ollamaShow",
  summary: "Shows one model, in Ollama's form",
  request: name,
  answers: answerOf("What is known of it.", "OllamaModel", ollamaModel),
  errors: GENERATION_ERRORS,
};

export const version: Operation = {
  ...common,
  method: "get",
  path: "/api/version",
  id: "ollamaVersion",
  summary: "Shows the supported version of Ollama's API",
  answers: answerOf("Ollama's version, not Sluice's.", "OllamaVersion", ollamaVersion),
  errors: [],
};

export const pull: Operation = {
  ...common,
  method: "post",
  path: "/api/pull",
  id: "ollamaPull",
  summary: "Downloads a model and serves it until the gateway stops",
  description:
    "Accepts names from the catalogue and `hf:owner/repo:QUANT`. If the client disconnects, the download stops; the next request resumes it.",
  request: name,
  answers: linesOf("OllamaProgress", ollamaProgress),
  errors: GENERATION_ERRORS,
  access: "admin",
};

export const remove: Operation = {
  ...common,
  method: "delete",
  path: "/api/delete",
  id: "ollamaDelete",
  summary: "Stops a pulled model and removes its file",
  description: "Refuses models that the gateway was started with.",
  request: name,
  answers: answerOf("It is gone.", "OllamaProgress", ollamaProgress),
  errors: GENERATION_ERRORS,
  access: "admin",
};
