import { decodeCompletionRequest } from "../../../src/protocols/completions/decode.ts";
import { completionRequestSchema } from "../../../src/protocols/completions/schema.ts";
import { defineEndpoint } from "../endpoint.ts";

export const completions = defineEndpoint({
  title: "POST /v1/completions",
  schema: completionRequestSchema,
  refusals: [],
  hints: ["user"],
  ignored: {},
  extensions: {
    top_k: "llama.cpp's",
    min_p: "llama.cpp's",
    repeat_penalty: "llama.cpp's",
    response_format: "vLLM's",
    grammar: "llama.cpp's",
    regex: "vLLM's, by another name",
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
