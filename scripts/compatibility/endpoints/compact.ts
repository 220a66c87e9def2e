import { decodeCompactRequest } from "../../../src/protocols/responses/compact.ts";
import { compactRequestSchema } from "../../../src/protocols/responses/schema.ts";
import { COMPACT_REFUSALS } from "../../../src/protocols/responses/unsupported.ts";
import { defineEndpoint } from "../endpoint.ts";

export const compact = defineEndpoint({
  title: "POST /v1/responses/compact",
  schema: compactRequestSchema,
  refusals: COMPACT_REFUSALS,
  hints: ["prompt_cache_key"],
  ignored: {},
  extensions: {},
  base: { model: "m", input: "Hi" },
  decode: decodeCompactRequest,
  samples: [],
});
