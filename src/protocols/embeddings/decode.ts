import type { EmbeddingItem, EmbeddingRequest } from "../../generation/embedding.ts";
import { parseWire } from "../issue.ts";
import { embeddingsRequestSchema, inputSchemas } from "./schema.ts";

/** A decoded request for embeddings. */
export type EmbeddingsRequest = {
  /** The model's id or alias from the request; undefined if it names none. */
  readonly model: string | undefined;
  readonly format: "float" | "base64";
  /** Whether `input` was a list, so that errors can name the index. */
  readonly isList: boolean;
  /** What to embed. The server adds the id and the signal. */
  readonly work: Pick<EmbeddingRequest, "items" | "dimensions">;
};

/** Decodes the body of `POST /v1/embeddings`. Throws `InvalidRequestError` for the first invalid field. */
export function decodeEmbeddingsRequest(body: unknown): EmbeddingsRequest {
  const wire = parseWire(embeddingsRequestSchema, body);
  const { items, isList } = decodeInput(wire.input);
  return {
    model: wire.model ?? undefined,
    format: wire.encoding_format ?? "float",
    isList,
    work: { items, dimensions: wire.dimensions ?? undefined },
  };
}

function decodeInput(input: unknown): { readonly items: readonly EmbeddingItem[]; readonly isList: boolean } {
  const body = { input };
  const first: unknown = Array.isArray(input) ? input[0] : undefined;
  if (typeof first === "number") {
    return { items: [tokensItem(parseWire(inputSchemas.tokens, body).input)], isList: false };
  }
  if (Array.isArray(first)) {
    return { items: parseWire(inputSchemas.tokenLists, body).input.map(tokensItem), isList: true };
  }
  if (Array.isArray(input)) return { items: parseWire(inputSchemas.texts, body).input.map(textItem), isList: true };
  return { items: [textItem(parseWire(inputSchemas.text, body).input)], isList: false };
}

function textItem(text: string): EmbeddingItem {
  return { type: "text", text };
}

function tokensItem(tokens: readonly number[]): EmbeddingItem {
  return { type: "tokens", tokens };
}
