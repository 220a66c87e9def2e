import { createMessage } from "../../../src/http/openapi/operations/messages.ts";
import { complete } from "../../../src/protocols/complete.ts";
import { decodeMessagesRequest } from "../../../src/protocols/messages/decode.ts";
import { messagesRequestSchema } from "../../../src/protocols/messages/schema.ts";
import { defineEndpoint } from "../endpoint.ts";
import { wordsFor } from "../words.ts";

const user = { role: "user", content: "Hi" };
const calling = { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] };
const result = { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: "x" }] };
const thought = { role: "assistant", content: [{ type: "thinking", thinking: "x", signature: "s" }] };
const source = { type: "base64", media_type: "image/png", data: "" };
const OF_EARLIER_VERSIONS = "not in the API's latest version";

const words = wordsFor("messages", messagesRequestSchema);

export const messages = defineEndpoint({
  operation: createMessage,
  schema: messagesRequestSchema,
  ...words,
  extensions: {
    ...words.extensions,
    temperature: OF_EARLIER_VERSIONS,
    top_p: OF_EARLIER_VERSIONS,
    top_k: OF_EARLIER_VERSIONS,
    variables: "Sluice's: of the preset that `model` names",
  },
  base: { model: "m", max_tokens: 1, messages: [user] },
  decode(body) {
    const request = decodeMessagesRequest(body);
    return complete(request, request.wish);
  },
  samples: [
    { what: "role `system` among the messages", body: { messages: [user, { role: "system", content: "x" }, user] } },
    { what: "role `assistant` at the end", body: { messages: [user, { role: "assistant", content: "x" }] } },
    { what: "`tool_use` and `tool_result` blocks", body: { messages: [user, calling, result] } },
    { what: "`thinking` blocks", body: { messages: [user, thought, user] } },
    { what: "`image` blocks", body: { messages: [{ role: "user", content: [{ type: "image", source }] }] } },
    { what: "`document` blocks", body: { messages: [{ role: "user", content: [{ type: "document", source }] }] } },
    { what: "tools of the client's own", body: { tools: [{ name: "f", input_schema: { type: "object" } }] } },
    { what: "tools of Anthropic's servers", body: { tools: [{ type: "web_search_20250305", name: "web_search" }] } },
  ],
});
