import { createCompletion } from "../../../src/http/openapi/operations/llama-server.ts";
import { decodeNativeCompletion } from "../../../src/protocols/llama-server/decode.ts";
import { completionSchema, fullCompletionSchema } from "../../../src/protocols/llama-server/schema.ts";
import { defineEndpoint } from "../endpoint.ts";
import { wordsFor } from "../words.ts";

const { refusals, ignored } = wordsFor("completions", completionSchema);

export const nativeCompletion = defineEndpoint({
  operation: createCompletion,
  schema: fullCompletionSchema,
  // The notes on names of `/v1/completions` apply here, too, except for this endpoint's own fields.
  refusals: refusals.filter(({ param }) => !(param in completionSchema.shape)),
  ignored: Object.fromEntries(Object.entries(ignored).filter(([name]) => !(name in completionSchema.shape))),
  hints: [],
  extensions: {},
  base: { model: "m", prompt: "Hi" },
  decode: decodeNativeCompletion,
  samples: [
    { what: "`samplers` with `temperature` before `top_p`", body: { samplers: ["temperature", "top_p"] } },
    { what: "`prompt` of token ids and texts", body: { prompt: [1, "a", 2] } },
    { what: "`prompt` with `multimodal_data`", body: { prompt: { prompt_string: "a", multimodal_data: ["aGk="] } } },
  ],
});
