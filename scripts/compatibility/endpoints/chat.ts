import { createChatCompletion } from "../../../src/http/openapi/operations/chat.ts";
import { decodeChatRequest } from "../../../src/protocols/chat/decode.ts";
import { chatRequestSchema } from "../../../src/protocols/chat/schema.ts";
import { complete } from "../../../src/protocols/complete.ts";
import { defineEndpoint } from "../endpoint.ts";
import { wordsFor } from "../words.ts";

const user = { role: "user", content: "Hi" };
const calling = {
  role: "assistant",
  content: null,
  tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
};
const result = { role: "tool", tool_call_id: "c", content: "x" };
const withPart = (part: object) => ({ messages: [{ role: "user", content: [part] }] });

const words = wordsFor("chat", chatRequestSchema);

export const chat = defineEndpoint({
  operation: createChatCompletion,
  schema: chatRequestSchema,
  ...words,
  extensions: {
    ...words.extensions,
    variables: "Sluice's: of the preset that `model` names",
  },
  base: { model: "m", messages: [user] },
  decode(body) {
    const request = decodeChatRequest(body);
    return complete(request, request.wish);
  },
  samples: [
    { what: "role `system`", body: { messages: [{ role: "system", content: "x" }, user] } },
    { what: "role `developer`", body: { messages: [{ role: "developer", content: "x" }, user] } },
    { what: "role `assistant`", body: { messages: [user, { role: "assistant", content: "x" }] } },
    { what: "`tool_calls` of an assistant, and role `tool`", body: { messages: [user, calling, result] } },
    { what: "role `function`", body: { messages: [user, { role: "function", name: "f", content: "x" }] } },
    { what: "`text` parts", body: withPart({ type: "text", text: "Hi" }) },
    { what: "`refusal` of an assistant", body: { messages: [user, { role: "assistant", refusal: "No." }] } },
    { what: "`image_url` parts", body: withPart({ type: "image_url", image_url: { url: "data:," } }) },
    { what: "`input_audio` parts", body: withPart({ type: "input_audio", input_audio: { data: "", format: "wav" } }) },
    { what: "`file` parts", body: withPart({ type: "file", file: { file_id: "f" } }) },
    {
      what: "`stream_options.include_obfuscation` as `true`",
      body: { stream: true, stream_options: { include_obfuscation: true } },
    },
  ],
});
