import { createEmbedding } from "../../../src/http/openapi/operations/embeddings.ts";
import { decodeEmbeddingsRequest } from "../../../src/protocols/embeddings/decode.ts";
import { embeddingsRequestSchema } from "../../../src/protocols/embeddings/schema.ts";
import { defineEndpoint } from "../endpoint.ts";

export const embeddings = defineEndpoint({
  operation: createEmbedding,
  schema: embeddingsRequestSchema,
  refusals: [],
  hints: ["user"],
  ignored: {},
  extensions: {},
  base: { model: "m", input: "Hi" },
  decode: decodeEmbeddingsRequest,
  samples: [],
});
