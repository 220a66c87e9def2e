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
  "Fields and options that are not known are ignored. " +
  `These are refused, unless they ask for nothing: ${REFUSALS.map(({ param }) => `\`${param}\``).join(", ")}. ` +
  `Of \`options\`, these are taken and change nothing: ${Object.keys(IDLE_OPTIONS)
    .map((name) => `\`${name}\``)
    .join(", ")}.`;

const model = "smollm2-135m-instruct";
const messages = [{ role: "user", content: "Why is the sky blue?" }];
const options = { temperature: 0, num_predict: 30 };

const name = { name: "OllamaName", schema: ollamaNameSchema, examples: { "a model": { model } } };

/** An answer that is whole, or comes as lines of the same. */
function linesOf(name: string, schema: z.ZodType): Operation["answers"] {
  const content = { name, schema };
  return {
    200: {
      description: "The answer; unless `stream` is false, lines of JSON with parts of it.",
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
  summary: "Answers a conversation, streamed or whole, as Ollama does",
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
  summary: "Answers a prompt, streamed or whole, as Ollama does",
  description: WORDS,
  request: {
    name: "OllamaGenerateRequest",
    schema: ollamaGenerateSchema,
    examples: {
      whole: { model, prompt: "Why is the sky blue?", options, stream: false },
      "goes on with a text": { model, prompt: "The sky is", raw: true, options, stream: false },
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
  summary: "Makes embeddings of texts, as Ollama does",
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
  summary: "Makes an embedding of one text, as Ollama did before",
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
  summary: "Lists the models, as Ollama does",
  answers: answerOf("All models, and the presets.", "OllamaTags", ollamaTags),
  errors: [],
};

export const running: Operation = {
  ...common,
  method: "get",
  path: "/api/ps",
  id: "ollamaRunning",
  summary: "Lists the models that are loaded, as Ollama does",
  answers: answerOf("Those that are ready.", "OllamaRunning", ollamaRunning),
  errors: [],
};

export const show: Operation = {
  ...common,
  method: "post",
  path: "/api/show",
  id: "ollamaShow",
  summary: "Shows one model, as Ollama does",
  request: name,
  answers: answerOf("What is known of it.", "OllamaModel", ollamaModel),
  errors: GENERATION_ERRORS,
};

export const version: Operation = {
  ...common,
  method: "get",
  path: "/api/version",
  id: "ollamaVersion",
  summary: "Says which version of Ollama's API is spoken",
  answers: answerOf("Ollama's version, not Sluice's.", "OllamaVersion", ollamaVersion),
  errors: [],
};

export const pull: Operation = {
  ...common,
  method: "post",
  path: "/api/pull",
  id: "ollamaPull",
  summary: "Downloads a model and serves it until the gateway ends",
  description:
    "Takes names of the catalogue and `hf:owner/repo:QUANT`. A client that leaves breaks the download off; the next goes on from there.",
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
  summary: "Ends a model that was pulled and removes its file",
  description: "Refuses the models that the gateway was started with.",
  request: name,
  answers: answerOf("It is gone.", "OllamaProgress", ollamaProgress),
  errors: GENERATION_ERRORS,
  access: "admin",
};
