import { z } from "zod";
import type { EmbeddingRequest, EmbeddingResult } from "../../generation/embedding.ts";
import { MAX_INPUTS, MAX_TEXT_LENGTH } from "../embeddings/schema.ts";
import { InvalidRequestError } from "../errors.ts";
import { boolean, integer, isSet, modelName, string } from "../fields.ts";
import { parseWire } from "../issue.ts";

const document = z.union(
  [string(MAX_TEXT_LENGTH), z.object({ text: string(MAX_TEXT_LENGTH) }, { error: "an object" })],
  { error: "a string or an object with a text" },
);

/** The supported fields of `POST /v1/rerank`, in the form of Jina and Cohere. Unknown fields are ignored, and `null` counts as absent. */
export const rerankRequestSchema = z.object(
  {
    model: modelName("The id or an alias of a reranking model."),
    query: string(MAX_TEXT_LENGTH).min(1).describe("The query to rank the documents by."),
    documents: z
      .array(document, { error: "an array of strings or objects with a text" })
      .min(1)
      .max(MAX_INPUTS)
      .describe("The documents to rank: strings, or objects with a text."),
    top_n: integer(1, Number.MAX_SAFE_INTEGER)
      .nullish()
      .describe("The number of best results to return; all by default."),
    return_documents: boolean().nullish().describe("Whether each result repeats its document."),
  },
  { error: "an object" },
);

/** A decoded request to rank documents. */
export type RerankRequest = {
  /** The model's id or alias from the request; undefined if it names none. */
  readonly model: string | undefined;
  readonly documents: readonly string[];
  /** The number of results to return; undefined for all. */
  readonly topN: number | undefined;
  readonly returnDocuments: boolean;
  /** One pair for each document. The server adds the id and the signal. */
  readonly work: Pick<EmbeddingRequest, "items" | "dimensions">;
};

/** Unsupported fields of Cohere's API, which would change the scores. */
export const UNAVAILABLE = ["rank_fields", "max_chunks_per_doc", "max_tokens_per_doc"];

/**
 * Decodes the body of `POST /v1/rerank`. Throws `InvalidRequestError` for the first field that is invalid or can't be honoured.
 */
export function decodeRerankRequest(body: unknown): RerankRequest {
  const wire = parseWire(rerankRequestSchema, body);
  refuseUnavailable(Object(body));
  const documents = wire.documents.map((document) => (typeof document === "string" ? document : document.text));
  return {
    model: wire.model ?? undefined,
    documents,
    topN: wire.top_n ?? undefined,
    returnDocuments: wire.return_documents ?? false,
    work: {
      items: documents.map((document) => ({ type: "pair", query: wire.query, document })),
      dimensions: undefined,
    },
  };
}

function refuseUnavailable(body: Readonly<Record<string, unknown>>): void {
  const param = UNAVAILABLE.find((field) => isSet(body[field]));
  if (param === undefined) return;
  throw new InvalidRequestError(
    `Unsupported parameter: '${param}' is not supported here: each document is scored whole. Leave it out.`,
    param,
    "unsupported_parameter",
  );
}

/** Encodes the answer in the form of Jina and Cohere: best first, equal scores in the order of the documents. */
export function encodeRanking(request: RerankRequest, model: string, { vectors, tokens }: EmbeddingResult) {
  const results = vectors
    .map((vector, index) => ({ index, relevance_score: scoreOf(vector) }))
    .sort((a, b) => b.relevance_score - a.relevance_score)
    .slice(0, request.topN);
  return {
    object: "list",
    model,
    results: request.returnDocuments
      ? results.map((result) => ({ ...result, document: { text: request.documents[result.index] ?? "" } }))
      : results,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

function scoreOf([score]: Float32Array): number {
  if (score === undefined || !Number.isFinite(score)) throw new Error("The model returned no score.");
  return score;
}
