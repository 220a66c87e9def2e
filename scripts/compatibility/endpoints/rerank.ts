import { rerank as rerankOperation } from "../../../src/http/openapi/operations/embeddings.ts";
import { decodeRerankRequest, rerankRequestSchema, UNAVAILABLE } from "../../../src/protocols/rerank/rerank.ts";
import { defineEndpoint } from "../endpoint.ts";

/** Jina's and Cohere's: OpenAI's API has none. */
export const rerank = defineEndpoint({
  operation: rerankOperation,
  schema: rerankRequestSchema,
  refusals: UNAVAILABLE.map((param) => ({
    param,
    asksForIt: () => true,
    reason: "each document is scored whole",
  })),
  hints: [],
  ignored: {},
  extensions: {},
  base: { model: "m", query: "Hi", documents: ["x"] },
  decode: decodeRerankRequest,
  samples: [{ what: "documents of images", body: { documents: [{ image: "data:," }] } }],
});
