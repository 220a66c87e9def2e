import type { EmbeddingRefusal } from "../../generation/embedding.ts";
import { InvalidRequestError } from "../errors.ts";

/**
 * Turns a refusal into an error.
 *
 * @param param the field with the refused value, such as `input[3]`
 */
export function refusalError(refusal: EmbeddingRefusal, param: string, model: string): InvalidRequestError {
  switch (refusal.code) {
    case "too_long":
      return new InvalidRequestError(
        `This model's maximum context length is ${refusal.contextTokens} tokens, however you requested ` +
          `${refusal.atLeast ? "at least " : ""}${refusal.tokens} tokens in '${param}'. Shorten the input, or split it.`,
        param,
        "context_length_exceeded",
      );
    case "empty":
      return new InvalidRequestError(
        `Invalid '${param}': it has no tokens. Send a text that is not empty.`,
        param,
        "invalid_value",
      );
    case "unknown_token":
      return new InvalidRequestError(
        `Invalid '${param}': the token id ${refusal.token} is not in this model's vocabulary, which has the ids 0 to ` +
          `${refusal.vocabularySize - 1}. Use the ids of the model's own tokenizer, or send text.`,
        param,
        "invalid_value",
      );
    case "too_many_dimensions":
      return new InvalidRequestError(
        `Invalid 'dimensions': the model \`${model}\` returns vectors with ${refusal.modelDimensions} dimensions. ` +
          "Ask for that many at most.",
        "dimensions",
        "integer_above_max_value",
      );
    case "not_a_reranker":
      return new InvalidRequestError(
        `The model \`${model}\` is not a reranker. Serve a reranking model (locally one whose GGUF metadata has the pooling type "rank", such as ` +
          "bge-reranker-v2-m3 or Qwen3-Reranker), or compare embeddings from /v1/embeddings.",
        "model",
        "unsupported_model",
      );
    case "only_a_reranker":
      return new InvalidRequestError(
        `The model \`${model}\` is a reranker and can't create embeddings. Use it at /v1/rerank, or name an embedding model.`,
        "model",
        "unsupported_model",
      );
  }
}
