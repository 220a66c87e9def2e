import { expect, it } from "vitest";
import type { EmbeddingRefusal } from "../../../src/generation/embedding.ts";
import { refusalError } from "../../../src/protocols/embeddings/refusal.ts";

const CASES: readonly (readonly [EmbeddingRefusal, string, string, RegExp])[] = [
  [
    { code: "too_long", tokens: 70, contextTokens: 64, atLeast: false },
    "input[2]",
    "context_length_exceeded",
    /maximum context length is 64 tokens, however you requested 70 tokens in 'input\[2\]'/,
  ],
  [
    { code: "too_long", tokens: 70, contextTokens: 64, atLeast: true },
    "input[2]",
    "context_length_exceeded",
    /at least 70/,
  ],
  [{ code: "empty" }, "input[2]", "invalid_value", /no tokens/],
  [{ code: "unknown_token", token: 9, vocabularySize: 5 }, "input[2]", "invalid_value", /token id 9 .* ids 0 to 4/],
  [
    { code: "too_many_dimensions", modelDimensions: 3 },
    "dimensions",
    "integer_above_max_value",
    /vectors with 3 dimensions/,
  ],
  [{ code: "not_a_reranker" }, "model", "unsupported_model", /`m` is not a reranker.*pooling type "rank"/],
  [{ code: "only_a_reranker" }, "model", "unsupported_model", /\/v1\/rerank/],
];

it.each(CASES)("a refusal names the field and the way out: %o", (refusal, param, code, message) => {
  const error = refusalError(refusal, "input[2]", "m");
  expect(error).toMatchObject({ param, code });
  expect(error.message).toMatch(message);
});
