import {
  chat as chatOperation,
  embed as embedOperation,
  generate as generateOperation,
} from "../../../src/http/openapi/operations/ollama.ts";
import { parseWire } from "../../../src/protocols/issue.ts";
import { decodeOllamaChat, decodeOllamaGenerate } from "../../../src/protocols/ollama/decode.ts";
import { IDLE_OPTIONS, REFUSALS } from "../../../src/protocols/ollama/options.ts";
import { ollamaChatSchema, ollamaEmbedSchema, ollamaGenerateSchema } from "../../../src/protocols/ollama/schema.ts";
import { defineEndpoint } from "../endpoint.ts";

const user = { role: "user", content: "Hi" };
const calling = { role: "assistant", tool_calls: [{ function: { name: "f", arguments: {} } }] };
const withImage = { ...user, images: ["aGk="] };

const common = {
  refusals: REFUSALS,
  ignored: Object.fromEntries(Object.entries(IDLE_OPTIONS).map(([name, why]) => [`options.${name}`, why])),
  extensions: {},
};

export const ollamaChat = defineEndpoint({
  ...common,
  operation: chatOperation,
  schema: ollamaChatSchema,
  hints: ["truncate", "shift"],
  base: { model: "m", messages: [user] },
  decode: decodeOllamaChat,
  samples: [
    { what: "role `system`", body: { messages: [{ role: "system", content: "x" }, user] } },
    {
      what: "`tool_calls`, and role `tool` with `tool_name`",
      body: { messages: [user, calling, { role: "tool", tool_name: "f", content: "x" }] },
    },
    { what: "`images` of the newest message", body: { messages: [withImage] } },
    {
      what: "`images` of earlier messages",
      body: { messages: [withImage, { role: "assistant", content: "x" }, user] },
    },
  ],
});

export const ollamaGenerate = defineEndpoint({
  ...common,
  operation: generateOperation,
  schema: ollamaGenerateSchema,
  hints: ["truncate", "shift"],
  base: { model: "m", prompt: "Hi" },
  decode: decodeOllamaGenerate,
  samples: [
    { what: "`images` that are there", body: { images: ["aGk="] } },
    { what: "`system` beside `raw`", body: { raw: true, system: "x" } },
  ],
});

export const ollamaEmbed = defineEndpoint({
  operation: embedOperation,
  schema: ollamaEmbedSchema,
  refusals: [],
  hints: ["truncate"],
  ignored: { options: "they are about how a model is loaded, which is the server's business" },
  extensions: {},
  base: { model: "m", input: "Hi" },
  decode: (body) => parseWire(ollamaEmbedSchema, body),
  samples: [],
});
