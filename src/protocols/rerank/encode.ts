import type { EmbeddingResult } from "../../generation/embedding.ts";
import type { RerankRequest } from "./decode.ts";

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
