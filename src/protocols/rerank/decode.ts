import type { EmbeddingRequest } from "../../generation/embedding.ts";
import { InvalidRequestError } from "../errors.ts";
import { parseWire } from "../issue.ts";
import { rerankRequestSchema } from "./schema.ts";

/** A request to rank documents, understood. */
export type RerankRequest = {
  /** The model as the client named it: an id or an alias; undefined where it named none. */
  readonly model: string | undefined;
  readonly documents: readonly string[];
  /** How many results are wanted; undefined for all. */
  readonly topN: number | undefined;
  readonly returnDocuments: boolean;
  /** One pair for each document. The id and the signal are the server's to add. */
  readonly work: Pick<EmbeddingRequest, "items" | "dimensions">;
};

/** Fields of Cohere's API that would change the scores or what they are about. */
export const UNAVAILABLE = ["rank_fields", "max_chunks_per_doc", "max_tokens_per_doc"];

/**
 * Understands the body of `POST /v1/rerank`. Throws `InvalidRequestError` for the first thing in it that is wrong, or that this server can't
 * honour.
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
