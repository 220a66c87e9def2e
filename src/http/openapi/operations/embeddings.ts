import { z } from "zod";
import { embeddingsRequestSchema } from "../../../protocols/embeddings/schema.ts";
import { rerankRequestSchema } from "../../../protocols/rerank/rerank.ts";
import type { NamedSchema, Operation } from "../operation.ts";
import { count, GENERATION_ERRORS } from "./shared.ts";

const usage = z.object({ prompt_tokens: count, total_tokens: count });

const embeddingList = z.object({
  object: z.literal("list"),
  data: z.array(
    z.object({
      object: z.literal("embedding"),
      index: count,
      // Base64 holds little-endian 32-bit floats.
      embedding: z.union([z.array(z.number()), z.string()]),
    }),
  ),
  model: z.string(),
  usage,
});

const ranking: NamedSchema = {
  name: "Ranking",
  schema: z.object({
    object: z.literal("list"),
    model: z.string(),
    results: z.array(
      z.object({
        index: count,
        relevance_score: z.number(),
        document: z.object({ text: z.string() }).optional(),
      }),
    ),
    usage,
  }),
};

export const createEmbedding: Operation = {
  method: "post",
  path: "/v1/embeddings",
  id: "createEmbedding",
  tag: "Embeddings",
  summary: "Creates embeddings of texts",
  request: {
    name: "EmbeddingsRequest",
    schema: embeddingsRequestSchema,
    examples: { "some texts": { model: "smollm2-135m-instruct", input: ["The sky is blue.", "Rain is wet."] } },
  },
  answers: {
    200: {
      description: "An embedding for each input, in the same order.",
      content: { "application/json": { name: "EmbeddingList", schema: embeddingList } },
    },
  },
  errors: [...GENERATION_ERRORS, 429],
};

export const rerank: Operation = {
  method: "post",
  path: "/v1/rerank",
  id: "rerank",
  tag: "Embeddings",
  summary: "Ranks documents by their relevance to a query",
  description: "Needs a reranking model.",
  request: {
    name: "RerankRequest",
    schema: rerankRequestSchema,
    examples: {
      "two documents": {
        model: "smollm2-135m-instruct",
        query: "Why is the sky blue?",
        documents: ["Air scatters blue light most.", "Bread is made of flour."],
      },
    },
  },
  answers: {
    200: { description: "The documents' scores, best first.", content: { "application/json": ranking } },
  },
  errors: [...GENERATION_ERRORS, 429],
};

/** Also at the root, because some clients use it there. */
export const rerankAtRoot: Operation = { ...rerank, path: "/rerank", id: "rerankAtRoot" };
