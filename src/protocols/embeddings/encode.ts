import type { EmbeddingResult } from "../../generation/embedding.ts";
import type { EmbeddingsRequest } from "./decode.ts";
import { encodeBase64, shapeVector } from "./vector.ts";

/** Encodes OpenAI's list of embeddings. `model` is the model's id. */
export function encodeEmbeddings({ format, work }: EmbeddingsRequest, model: string, result: EmbeddingResult) {
  return {
    object: "list",
    data: result.vectors.map((vector, index) => {
      const shaped = shapeVector(vector, work.dimensions);
      return {
        object: "embedding",
        index,
        embedding: format === "base64" ? encodeBase64(shaped) : Array.from(shaped),
      };
    }),
    model,
    usage: { prompt_tokens: result.tokens, total_tokens: result.tokens },
  };
}
