import { z } from "zod";
import type { EmbeddingItem, EmbeddingRequest, EmbeddingResult } from "../../generation/embedding.ts";
import { decodeEmbeddingsRequest } from "../embeddings/decode.ts";
import { embeddingsRequestSchema } from "../embeddings/schema.ts";
import { shapeVector } from "../embeddings/vector.ts";
import { InvalidRequestError } from "../errors.ts";
import { integer } from "../fields.ts";
import { parseWire } from "../issue.ts";

const NONE = -1;
const EUCLIDEAN = 2;

/** llama-server's `POST /embedding`. */
export const embeddingSchema = z.object(
  {
    model: embeddingsRequestSchema.shape.model,
    content: embeddingsRequestSchema.shape.input.optional(),
    input: embeddingsRequestSchema.shape.input.optional().describe("As `content`."),
    embd_normalize: integer(NONE, Number.MAX_SAFE_INTEGER)
      .nullish()
      .describe(
        "The norm of the vectors: 2, the default, normalises them to the Euclidean length 1; -1 leaves them unchanged.",
      ),
  },
  { error: "an object" },
);

/** A decoded request for vectors. */
export type NativeEmbedding = {
  readonly model: string | undefined;
  readonly isNormalized: boolean;
  readonly work: Pick<EmbeddingRequest, "items" | "dimensions">;
  /** The path of the item at this index. */
  readonly placeOf: (index: number) => string;
};

/** Decodes the body of `POST /embedding`. Throws `InvalidRequestError`. */
export function decodeNativeEmbedding(body: unknown): NativeEmbedding {
  const wire = parseWire(embeddingSchema, body);
  const norm = wire.embd_normalize ?? EUCLIDEAN;
  if (norm !== NONE && norm !== EUCLIDEAN) {
    throw new InvalidRequestError(
      `Unsupported value: 'embd_normalize' can't be ${norm} here. Send 2, or send -1 and normalise the vectors yourself.`,
      "embd_normalize",
      "unsupported_value",
    );
  }
  const field = wire.content === undefined || wire.content === null ? "input" : "content";
  const { work, isList } = decodeItems(wire.content ?? wire.input, field);
  return {
    model: wire.model ?? undefined,
    isNormalized: norm === EUCLIDEAN,
    work,
    placeOf: (index) => (isList ? `${field}[${index}]` : field),
  };
}

/** Decodes `input` as `/v1/embeddings` does, but errors name `field`. */
function decodeItems(
  input: unknown,
  field: string,
): { work: { items: readonly EmbeddingItem[]; dimensions: undefined }; isList: boolean } {
  try {
    const { work, isList } = decodeEmbeddingsRequest({ input });
    return { work: { items: work.items, dimensions: undefined }, isList };
  } catch (error) {
    if (!(error instanceof InvalidRequestError) || error.param === null) throw error;
    const rename = (text: string) => text.replace(/\binput\b/, field);
    throw new InvalidRequestError(rename(error.message), rename(error.param), error.code);
  }
}

/** Encodes llama-server's answer: a list of vectors per text, with one vector because of pooling. */
export function encodeNativeEmbedding({ isNormalized }: NativeEmbedding, { vectors }: EmbeddingResult): object {
  return vectors.map((vector, index) => ({
    index,
    embedding: [Array.from(isNormalized ? shapeVector(vector, undefined) : vector)],
  }));
}
