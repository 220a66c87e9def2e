import { describe, expect, it } from "vitest";
import { answerRepeats } from "../../src/cache/layer.ts";
import { createAnswerStore } from "../../src/cache/store.ts";
import { compose } from "../../src/generation/layer.ts";
import { formatDropped, SCHEMA_DROPPED_HEADER } from "../../src/http/answer-headers.ts";
import { answerWith, createTestApp, jsonInit, MODEL_ID, script } from "./support.ts";

const SCHEMA = { type: "object", properties: { "a b": { type: "array", uniqueItems: true } } };
const named = { name: "x", schema: SCHEMA };
const messages = [{ role: "user", content: "Hi" }];

function createCachedApp() {
  const now = () => 1_000_000;
  const store = createAnswerStore({ maxBytes: 1_000_000, ttlMs: 60_000, now, random: () => 0 });
  return createTestApp({
    generate: compose(
      [answerRepeats({ store, identify: (model) => model, now })],
      script(answerWith(["Hello", " there", "!"])),
    ),
  }).app;
}

describe("keywords that are not enforced", () => {
  it.each([
    [
      "/v1/chat/completions",
      { messages, response_format: { type: "json_schema", json_schema: named } },
      "response_format.json_schema.schema",
    ],
    [
      "/v1/chat/completions",
      { messages, tools: [{ type: "function", function: { name: "f", parameters: SCHEMA } }] },
      "tools[0].function.parameters",
    ],
    [
      "/v1/completions",
      { prompt: "Hi", response_format: { type: "json_schema", json_schema: named } },
      "response_format.json_schema.schema",
    ],
    ["/v1/responses", { input: "Hi", text: { format: { type: "json_schema", ...named } } }, "text.format.schema"],
    [
      "/v1/responses",
      { input: "Hi", tools: [{ type: "function", name: "f", parameters: SCHEMA }] },
      "tools[0].parameters",
    ],
    [
      "/v1/messages",
      { messages, max_tokens: 9, tools: [{ name: "f", input_schema: SCHEMA }] },
      "tools[0].input_schema",
    ],
  ])("is named in a header of %s, whole, streamed and from the cache: %j", async (path, body, place) => {
    const app = createCachedApp();
    for (const stream of [false, true, false]) {
      const response = await app.request(path, jsonInit({ model: MODEL_ID, ...body, stream, temperature: 0 }));
      await response.text();
      expect(response.status).toBe(200);
      expect(response.headers.get(SCHEMA_DROPPED_HEADER)).toBe(`${place}.properties["a%20b"].uniqueItems`);
    }
  });

  it("is absent when all are enforced", async () => {
    const format = { type: "json_schema", json_schema: { name: "x", schema: { type: "object" } } };
    const body = { model: MODEL_ID, messages, response_format: format };
    const response = await createCachedApp().request("/v1/chat/completions", jsonInit(body));
    expect(response.status).toBe(200);
    expect(response.headers.get(SCHEMA_DROPPED_HEADER)).toBeNull();
  });

  it("is in visible ASCII without commas, and limited", () => {
    const long = Array.from({ length: 200 }, (_, index) => ({
      path: `schema.ä,\r\n\ud800${index}`,
      keyword: "not",
      reason: "",
    }));
    const text = formatDropped(long);
    expect(text.length).toBeLessThan(1_100);
    expect(text).toMatch(/^[\x20-\x7e]+$/);
    expect(text).toMatch(/^schema\.%C3%A4%2C%0D%0A%EF%BF%BD0\.not, .*, \d+ more$/);
    expect(formatDropped([{ path: `a${"b".repeat(5_000)}`, keyword: "not", reason: "" }])).toBe("1 more");
  });
});
