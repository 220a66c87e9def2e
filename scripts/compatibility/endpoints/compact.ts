import { compactResponse } from "../../../src/http/openapi/operations/responses.ts";
import { decodeCompactRequest } from "../../../src/protocols/responses/compact.ts";
import { compactRequestSchema } from "../../../src/protocols/responses/schema.ts";
import { defineEndpoint } from "../endpoint.ts";

export const compact = defineEndpoint({
  operation: compactResponse,
  schema: compactRequestSchema,
  refusals: [],
  hints: ["prompt_cache_key"],
  ignored: {
    prompt_cache_retention: "the prefixes of all prompts are kept",
    prompt_cache_options: "the prefixes of all prompts are kept",
  },
  extensions: {},
  base: { model: "m", input: "Hi" },
  decode: decodeCompactRequest,
  samples: [],
});
