import { createCompletion } from "../../../src/http/openapi/operations/completions.ts";
import { decodeCompletionRequest } from "../../../src/protocols/completions/decode.ts";
import { completionRequestSchema } from "../../../src/protocols/completions/schema.ts";
import { defineEndpoint } from "../endpoint.ts";
import { wordsFor } from "../words.ts";

const words = wordsFor("completions", completionRequestSchema);

export const completions = defineEndpoint({
  operation: createCompletion,
  schema: completionRequestSchema,
  ...words,
  extensions: {
    ...words.extensions,
  },
  base: { model: "m", prompt: "Hi" },
  decode: decodeCompletionRequest,
  samples: [
    { what: "`suffix` after a prompt of token ids", body: { prompt: [1, 2], suffix: "x" } },
    { what: "`echo` with `logprobs`", body: { echo: true, logprobs: 1 } },
    { what: "`best_of` above `n` with `stream`", body: { best_of: 2, stream: true } },
    {
      what: "`stream_options.include_obfuscation` as `true`",
      body: { stream: true, stream_options: { include_obfuscation: true } },
    },
  ],
});
