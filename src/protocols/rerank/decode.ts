import type { EmbeddingRequest } from "../../generation/embedding.ts";
import { InvalidRequestError } from "../errors.ts";
import { parseWire } from "../issue.ts";
import { rerankRequestSchema } from "./schema.ts";

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
  const param = UNAVAILABLE.find((field) => body[field] !== undefined && body[field] !== null);
  if (param === undefined) return;
  throw new InvalidRequestError(
    `Unsupported parameter: '${param}' is not supported here: each document is scored whole. Leave it out.`,
    param,
    "unsupported_parameter",
  );
}
