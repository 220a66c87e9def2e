import type { Handler } from "hono";
import { decodeEmbeddingsRequest } from "../../protocols/embeddings/decode.ts";
import { encodeEmbeddings } from "../../protocols/embeddings/encode.ts";
import { peekEmbeddings } from "../../protocols/peek.ts";
import { decodeRerankRequest, encodeRanking } from "../../protocols/rerank/rerank.ts";
import type { HttpEnv } from "../context.ts";
import { answerWithVectors, type EmbeddingDeps } from "../embedding.ts";

/** `POST /v1/embeddings` */
export function embeddings(deps: EmbeddingDeps): Handler<HttpEnv> {
  return answerWithVectors(
    deps,
    "embeddings",
    (body) => {
      const request = decodeEmbeddingsRequest(body);
      return {
        ...request,
        placeOf: (index) => (request.isList ? `input[${index}]` : "input"),
        encode: (result, model) => encodeEmbeddings(request, model, result),
      };
    },
    peekEmbeddings,
  );
}

/** `POST /v1/rerank`, also at `/rerank`. */
export function rerank(deps: EmbeddingDeps): Handler<HttpEnv> {
  return answerWithVectors(deps, "rerank", (body) => {
    const request = decodeRerankRequest(body);
    return {
      ...request,
      placeOf: (index) => `documents[${index}]`,
      encode: (result, model) => encodeRanking(request, model, result),
    };
  });
}
