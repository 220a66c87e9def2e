import { describe, expect, it } from "vitest";
import { InvalidRequestError } from "../../../src/protocols/errors.ts";
import { decodeRerankRequest, encodeRanking } from "../../../src/protocols/rerank/rerank.ts";

const BODY = { model: "m", query: "q", documents: ["a", { text: "b" }, "c"] };

describe("a rerank request", () => {
  it("pairs the query with each document, given as text or as an object", () => {
    expect(decodeRerankRequest(BODY)).toEqual({
      model: "m",
      documents: ["a", "b", "c"],
      topN: undefined,
      returnDocuments: false,
      work: {
        items: ["a", "b", "c"].map((document) => ({ type: "pair", query: "q", document })),
        dimensions: undefined,
      },
    });
  });

  it.each([
    ["no query", { query: undefined }, "query", "missing_required_parameter"],
    ["an empty query", { query: "" }, "query", "string_below_min_length"],
    ["no documents", { documents: [] }, "documents", "empty_array"],
    ["a document that is a number", { documents: ["a", 1] }, "documents[1]", "invalid_type"],
    ["a document without text", { documents: [{ title: "a" }] }, "documents[0].text", "missing_required_parameter"],
    ["a top_n of 0", { top_n: 0 }, "top_n", "integer_below_min_value"],
    ["fields to rank by", { rank_fields: ["title"] }, "rank_fields", "unsupported_parameter"],
    ["a limit of tokens", { max_tokens_per_doc: 10 }, "max_tokens_per_doc", "unsupported_parameter"],
  ])("is refused with %s", (_, change, param, code) => {
    const decode = () => decodeRerankRequest({ ...BODY, ...change });
    expect(decode).toThrow(InvalidRequestError);
    expect(decode).toThrow(expect.objectContaining({ param, code }));
  });
});

describe("a ranking", () => {
  const result = { vectors: [0.25, 0.75, 0.25].map((score) => Float32Array.of(score)), tokens: 12 };

  it("has the best first, and equal scores in the order of the documents", () => {
    expect(encodeRanking(decodeRerankRequest(BODY), "model-id", result)).toEqual({
      object: "list",
      model: "model-id",
      results: [
        { index: 1, relevance_score: 0.75 },
        { index: 0, relevance_score: 0.25 },
        { index: 2, relevance_score: 0.25 },
      ],
      usage: { prompt_tokens: 12, total_tokens: 12 },
    });
  });

  it("has the requested number of results, with their documents", () => {
    const request = decodeRerankRequest({ ...BODY, top_n: 2, return_documents: true });
    expect(encodeRanking(request, "model-id", result).results).toEqual([
      { index: 1, relevance_score: 0.75, document: { text: "b" } },
      { index: 0, relevance_score: 0.25, document: { text: "a" } },
    ]);
  });

  it("fails if a score is missing", () => {
    const broken = { vectors: [new Float32Array(0)], tokens: 1 };
    expect(() => encodeRanking(decodeRerankRequest(BODY), "m", broken)).toThrow("no score");
  });
});
