import { decodeEmbeddingsRequest } from "../../../src/protocols/embeddings/decode.ts";
import { embeddingsRequestSchema } from "../../../src/protocols/embeddings/schema.ts";
import { defineEndpoint } from "../endpoint.ts";

export const embeddings = defineEndpoint({
  title: "POST /v1/embeddings",
  schema: embeddingsRequestSchema,
  refusals: [],
  hints: ["user"],
  ignored: {},
  extensions: {},
  base: { model: "m", input: "Hi" },
  decode: decodeEmbeddingsRequest,
  samples: [],
});
