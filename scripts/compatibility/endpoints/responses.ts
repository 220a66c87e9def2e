import { createResponse } from "../../../src/http/openapi/operations/responses.ts";
import { complete } from "../../../src/protocols/complete.ts";
import { decodeResponsesRequest } from "../../../src/protocols/responses/decode.ts";
import { responsesRequestSchema } from "../../../src/protocols/responses/schema.ts";
import { defineEndpoint } from "../endpoint.ts";
import { wordsFor } from "../words.ts";

const withPart = (part: object) => ({ input: [{ role: "user", content: [part] }] });
const NO_SUCH_TOOL = "the tool is refused, so there is nothing of it to show";

const words = wordsFor("responses", responsesRequestSchema);

export const responses = defineEndpoint({
  operation: createResponse,
  schema: responsesRequestSchema,
  ...words,
  ignoredValues: {
    include: {
      "reasoning.encrypted_content": "reasoning is given in plain text",
      "file_search_call.results": NO_SUCH_TOOL,
      "web_search_call.results": NO_SUCH_TOOL,
      "web_search_call.action.sources": NO_SUCH_TOOL,
      "computer_call_output.output.image_url": NO_SUCH_TOOL,
      "code_interpreter_call.outputs": NO_SUCH_TOOL,
      "message.input_image.image_url": "images are refused, so there is none to show",
    },
  },
  extensions: {
    ...words.extensions,
    prompt: "a preset of the folder `prompts/`",
    generate: "OpenAI's, of its WebSocket mode",
    variables: "Sluice's: of the preset that `model` names",
  },
  base: { model: "m", input: "Hi" },
  decode(body) {
    const request = decodeResponsesRequest(body);
    return complete(request, request.wish);
  },
  samples: [
    { what: "`compaction` items", body: { input: [{ type: "compaction", encrypted_content: "x" }] } },
    { what: "`input_text` parts", body: withPart({ type: "input_text", text: "Hi" }) },
    { what: "`input_image` parts", body: withPart({ type: "input_image", image_url: "data:," }) },
    { what: "`input_file` parts", body: withPart({ type: "input_file", file_id: "f" }) },
    { what: "`input_audio` parts", body: withPart({ type: "input_audio", input_audio: { data: "", format: "wav" } }) },
    { what: "tools of type `function`", body: { tools: [{ type: "function", name: "f", parameters: {} }] } },
    { what: "tools of type `custom`", body: { tools: [{ type: "custom", name: "f" }] } },
    { what: "tools that OpenAI's servers run", body: { tools: [{ type: "web_search" }] } },
    { what: "`background` with `store` as `false`", body: { background: true, store: false } },
  ],
});
