import { describe, expect, it } from "vitest";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { modelList } from "../../src/protocols/openai-responses.ts";
import { response as responseSchema } from "../fixtures/openai/responses.ts";
import { servedModel as fakeModel } from "../fixtures/served-model.ts";
import { preset } from "../prompts/support.ts";
import { answerWith, CHAT, createTestApp, jsonInit, MODEL_ID, script, servedModel } from "./support.ts";

const TRANSLATE = preset(
  `
model: [gone, ${MODEL_ID}]
system: You translate into {{language}}.
template: "Text: {{input}}"
variables:
  language: { type: enum, values: [French, German], default: German }
examples:
  - { user: Yes, assistant: Ja }
sampling: { temperature: 0.2, min_p: 0.1, top_k: 7, stop: "\\n" }
maxTokens: 20
`,
  "translate",
);
const RATE = preset(
  `
responseSchema: { type: object, properties: { stars: { type: integer } }, required: [stars] }
tools: [{ name: look_up, description: Looks. }]
`,
  "rate",
);
const HAIKU = preset('template: "A haiku about {{topic}}."\nvariables: { topic: { type: string } }', "haiku");
const HOT = preset("sampling: { temperature: 1.5, seed: 3 }", "hot");
const SHORT = preset("maxTokensLimit: 30", "short");
const STRICT = preset("sampling: { repeat_penalty: 1.3, temperature: 0.4 }", "strict");
const LOST = preset("model: gone", "lost");

const BEGINNING = [
  { role: "system", content: "You translate into German." },
  { role: "user", content: "Text: Yes" },
  { role: "assistant", content: "Ja" },
];

type Answer = { id: string; model: string; error: { message: string; param: string | null; code: string | null } };

function createPresetApp() {
  const requests: GenerationRequest[] = [];
  const generate = script((request) => {
    requests.push(request);
    return script(answerWith(["Ja", "."]))(request);
  });
  const { app } = createTestApp({
    models: [servedModel(generate), fakeModel({ id: "other", generate })],
    presets: [TRANSLATE, RATE, HAIKU, HOT, SHORT, STRICT, LOST],
  });
  async function post(path: string, body: object) {
    const response = await app.request(path, jsonInit(body));
    const [request] = requests.splice(0);
    return { status: response.status, body: (await response.json()) as Answer, request };
  }
  return { app, post };
}

function messagesOf(request: GenerationRequest | undefined) {
  return request?.prompt.type === "chat" ? request.prompt.messages : undefined;
}

const { app, post } = createPresetApp();

it.each([
  [CHAT, { messages: [{ role: "user", content: "Hi" }] }, 30],
  [CHAT, { messages: [{ role: "user", content: "Hi" }], max_tokens: 32_000 }, 30],
  [CHAT, { messages: [{ role: "user", content: "Hi" }], max_tokens: 7 }, 7],
  ["/v1/responses", { input: "Hi" }, 30],
  ["/v1/messages", { messages: [{ role: "user", content: "Hi" }], max_tokens: 32_000 }, 30],
])("a preset's limit cuts the answers of %s: %j", async (path, body, maxTokens) => {
  const { status, request } = await post(path, { model: "preset/short", ...body });
  expect(status).toBe(200);
  expect(request).toMatchObject({ maxTokens });
});

describe("a preset as a chat completion's model", () => {
  it("puts its texts before the client's, whose messages go into its template", async () => {
    const { status, body, request } = await post(CHAT, {
      model: "preset/translate",
      messages: [
        { role: "user", content: "One" },
        { role: "assistant", content: "Eins" },
        { role: "user", content: "Two" },
      ],
    });
    expect(status).toBe(200);
    expect(body.model).toBe(MODEL_ID);
    expect(messagesOf(request)).toEqual([
      ...BEGINNING,
      { role: "user", content: "Text: One" },
      { role: "assistant", content: "Eins" },
      { role: "user", content: "Text: Two" },
    ]);
    expect(request).toMatchObject({
      model: MODEL_ID,
      maxTokens: 20,
      stop: ["\n"],
      sampling: { temperature: 0.2, minP: 0.1, topK: 7 },
    });
  });

  it("yields to the client's own fields, except null", async () => {
    const { request } = await post(CHAT, {
      ...{ model: "preset/translate@1", temperature: 1, top_k: null, max_completion_tokens: 5, stop: ["x"] },
      messages: [
        { role: "developer", content: "Be polite." },
        { role: "user", content: "One" },
      ],
    });
    expect(request).toMatchObject({ maxTokens: 5, stop: ["x"], sampling: { temperature: 1, minP: 0.1, topK: 7 } });
    expect(messagesOf(request)?.[0]).toEqual({ role: "system", content: "You translate into German.\n\nBe polite." });
  });

  it("yields to the client's fields in the words of other servers", async () => {
    const messages = [{ role: "user", content: "One" }];
    const options = { temperature: 0.9, num_predict: 3, stop: ["y"] };
    const ollama = await post(CHAT, { model: "preset/translate", messages, options });
    expect(ollama.request).toMatchObject({ maxTokens: 3, stop: ["y"], sampling: { temperature: 0.9, minP: 0.1 } });
    const strict = await post(CHAT, { model: "preset/strict", messages, repetition_penalty: 1.2 });
    expect(strict.request?.sampling).toMatchObject({ repeatPenalty: 1.2, repeatLastTokens: -1 });
    const plain = await post(CHAT, { model: "preset/strict", messages, top_p: 0 });
    expect(plain.request?.sampling).toMatchObject({ temperature: 0, topP: 1, repeatPenalty: 1.3 });
  });

  it("tells a backend which fields the client or the preset set", async () => {
    const messages = [{ role: "user", content: "One" }];
    const { request } = await post(CHAT, { model: "preset/hot", messages, top_p: 0.5, tool_choice: "auto" });
    expect(request?.said).toMatchObject({
      sampling: { temperature: 1.5, seed: 3, topP: 0.5 },
      toolChoice: { mode: "auto" },
    });
    expect(Object.keys(request?.said?.sampling ?? {}).toSorted()).toEqual(["seed", "temperature", "topP"]);
    expect(request?.said).not.toHaveProperty("maxTokens");
  });

  it("lets the client choose among its tools, and refuses fields that conflict with them", async () => {
    const messages = [{ role: "user", content: "x" }];
    const tool_choice = { type: "function", function: { name: "look_up" } };
    const chosen = await post(CHAT, { model: "preset/rate", messages, tool_choice, parallel_tool_calls: false });
    expect(chosen.request?.tools).toMatchObject({ choice: "required", allowed: ["look_up"], parallel: false });
    const unknown = { type: "function", function: { name: "other" } };
    const refused = await post(CHAT, { model: "preset/rate", messages, tool_choice: unknown });
    expect(refused.body.error).toMatchObject({ param: "tool_choice", code: "invalid_value" });
    const bare = await post(CHAT, { model: "preset/rate", messages, regex: "a+" });
    expect(bare.body.error).toMatchObject({ param: "regex", code: "invalid_parameter_combination" });
  });

  it("accepts variables, including the user's message", async () => {
    const { request } = await post(CHAT, {
      model: "preset/translate",
      variables: { language: "French", input: "One" },
    });
    expect(messagesOf(request)?.[0]?.content).toBe("You translate into French.");
    expect(messagesOf(request)?.at(-1)).toEqual({ role: "user", content: "Text: One" });
  });

  it("begins with its template when that has no place for a message", async () => {
    const variables = { topic: "{{rain}} <|im_end|>" };
    const opening = "A haiku about {{rain}} <|im_end|>.";
    const alone = await post(CHAT, { model: "preset/haiku", messages: [], variables });
    expect(messagesOf(alone.request)).toEqual([{ role: "user", content: opening }]);
    const messages = [{ role: "user", content: "In English." }];
    const together = await post(CHAT, { model: "preset/haiku", messages, variables });
    expect(messagesOf(together.request)).toEqual([{ role: "user", content: `${opening}\n\nIn English.` }]);
  });

  it("provides a schema and tools, unless the client has its own", async () => {
    const messages = [{ role: "user", content: "x" }];
    const its = await post(CHAT, { model: "preset/rate", messages });
    expect(its.request?.output).toEqual({ type: "schema", schema: RATE.responseSchema });
    expect(its.request?.tools?.tools).toEqual([{ name: "look_up", description: "Looks." }]);
    const own = await post(CHAT, { model: "preset/rate", messages, tools: [], regex: "a+" });
    expect(own.request?.output).toEqual({ type: "regex", pattern: "a+" });
    expect(own.request).not.toHaveProperty("tools");
  });

  it.each<[string, object, number, string, string | null]>([
    ["another preset", { model: "preset/nope" }, 404, "Available: preset/translate, preset/rate", "model"],
    ["another version", { model: "preset/translate@2" }, 404, "Available: preset/translate@1.", "model"],
    ["a preset whose model is not served", { model: "preset/lost" }, 404, "(needs gone)", "model"],
    [
      "an unknown variable",
      { model: "preset/translate", variables: { langage: "French" } },
      400,
      'Unknown variables: \'langage\'. The preset\'s variables: language (one of "French", "German", default "German").',
      "variables.langage",
    ],
    ["a missing variable", { model: "preset/haiku" }, 400, "Missing variables: 'topic'.", "variables.topic"],
    [
      "a number that would be another",
      { model: "preset/haiku", variables: { topic: 2 ** 53 } },
      400,
      "Invalid 'variables.topic': the number has too many digits and would be rounded. Send it as a string.",
      "variables.topic",
    ],
    ["a wrong value", { model: "preset/haiku", variables: { topic: [] } }, 400, "expected one of", "variables.topic"],
    ["variables of no preset", { model: MODEL_ID, variables: {} }, 400, "needs a preset", "variables"],
    [
      "the message twice",
      { model: "preset/translate", variables: { input: "y" } },
      400,
      "not in both",
      "variables.input",
    ],
    ["no message", { model: "preset/translate", messages: [] }, 400, "needs the user's message", "messages"],
    [
      "its own mistakes, by the client's own count",
      { model: "preset/translate", messages: [{ role: "user", content: 1 }] },
      400,
      "messages[0].content",
      "messages[0].content",
    ],
  ])("refuses %s", async (_, fields, status, message, param) => {
    const { body, ...answer } = await post(CHAT, { messages: [{ role: "user", content: "x" }], ...fields });
    expect(answer.status).toBe(status);
    expect(body.error.message).toContain(message);
    expect(body.error.param).toBe(param);
  });
});

describe("a preset as a response's prompt", () => {
  it("answers with the preset's texts and settings, and shows both", async () => {
    const { status, body, request } = await post("/v1/responses", {
      prompt: { id: "translate", version: "1", variables: { language: { type: "input_text", text: "French" } } },
      input: "One",
      instructions: "Be polite.",
    });
    expect(status).toBe(200);
    expect(messagesOf(request)).toEqual([
      { role: "system", content: "You translate into French.\n\nBe polite." },
      ...BEGINNING.slice(1),
      { role: "user", content: "Text: One" },
    ]);
    expect(request).toMatchObject({ maxTokens: 20, stop: ["\n"], sampling: { temperature: 0.2, minP: 0.1 } });
    expect(responseSchema.parse(body)).toMatchObject({
      model: MODEL_ID,
      temperature: 0.2,
      max_output_tokens: 20,
      instructions: "Be polite.",
      prompt: { id: "translate", version: "1" },
    });
  });

  it("stores only the client's messages, so that the next turn has the preset's texts once", async () => {
    const prompt = { id: "translate" };
    const first = await post("/v1/responses", { prompt, input: "One" });
    const next = await post("/v1/responses", { prompt, input: "Two", previous_response_id: first.body.id });
    expect(messagesOf(next.request)).toEqual([
      ...BEGINNING,
      { role: "user", content: "Text: One" },
      { role: "assistant", content: "Ja." },
      { role: "user", content: "Text: Two" },
    ]);
  });

  it("may be answered by another model", async () => {
    const { body } = await post("/v1/responses", { prompt: { id: "rate" }, model: "other", input: "x" });
    expect(responseSchema.parse(body)).toMatchObject({
      model: "other",
      text: { format: { type: "json_schema", name: "rate", schema: RATE.responseSchema } },
      tools: [{ name: "look_up" }],
    });
  });

  it("shows its length and its tools, the client's before the preset's", async () => {
    const cut = await post("/v1/responses", { model: "preset/short", input: "x", max_output_tokens: 90, top_p: 0 });
    expect(cut.request).toMatchObject({ maxTokens: 30, sampling: { temperature: 0 } });
    expect(responseSchema.parse(cut.body)).toMatchObject({ max_output_tokens: 90, top_p: 0, temperature: 1 });
    const own = { type: "function", name: "own", parameters: null, strict: false };
    const told = await post("/v1/responses", {
      model: "preset/rate",
      input: "x",
      tools: [own],
      text: { format: { type: "text" } },
    });
    expect(responseSchema.parse(told.body)).toMatchObject({
      tools: [{ name: "own" }],
      text: { format: { type: "text" } },
    });
    expect(told.request).not.toHaveProperty("output");
  });

  it("uses only the tools that come with the input", async () => {
    const input = [
      { type: "additional_tools", tools: [{ type: "function", name: "own" }] },
      { role: "user", content: "x" },
    ];
    const { request } = await post("/v1/responses", { model: "preset/rate", input });
    expect(request?.tools?.tools).toMatchObject([{ name: "own" }]);
  });

  it("needs no input when it has its template", async () => {
    const { request } = await post("/v1/responses", { prompt: { id: "haiku", variables: { topic: "rain" } } });
    expect(messagesOf(request)).toEqual([{ role: "user", content: "A haiku about rain." }]);
  });

  it("may be named as the model, too, but only once", async () => {
    const body = { model: "preset/translate", input: "One", variables: { language: "French" } };
    expect(messagesOf((await post("/v1/responses", body)).request)?.[0]?.content).toBe("You translate into French.");
    const twice = await post("/v1/responses", { model: "preset/translate", prompt: { id: "rate" }, input: "One" });
    expect(twice.body.error).toMatchObject({ param: "model", code: "invalid_parameter_combination" });
  });

  it("is counted like the request itself", async () => {
    const counted = await app.request(
      "/v1/responses/input_tokens",
      jsonInit({ model: "preset/translate", input: "One" }),
    );
    expect(counted.status).toBe(200);
  });
});

describe("a preset as a message's model", () => {
  const ask = { messages: [{ role: "user", content: "One" }] };

  it("has its texts and settings, also its length when the client sets none", async () => {
    const { status, request } = await post("/v1/messages", { ...ask, model: "preset/translate", system: "Be polite." });
    expect(status).toBe(200);
    expect(messagesOf(request)).toEqual([
      { role: "system", content: "You translate into German.\n\nBe polite." },
      ...BEGINNING.slice(1),
      { role: "user", content: "Text: One" },
    ]);
    expect(request).toMatchObject({ maxTokens: 20, stop: ["\n"], sampling: { temperature: 0.2, minP: 0.1, topK: 7 } });
  });

  it("may be hotter than Anthropic's API lets anyone ask for", async () => {
    const its = await post("/v1/messages", { ...ask, model: "preset/hot", max_tokens: 9 });
    expect(its.request?.sampling).toMatchObject({ temperature: 1.5, seed: 3 });
    const own = await post("/v1/messages", { ...ask, model: "preset/hot", max_tokens: 9, temperature: 0.5 });
    expect(own.request?.sampling).toMatchObject({ temperature: 0.5, seed: 3 });
  });

  it("needs a length from the client or the preset, by any of its names", async () => {
    const missing = await post("/v1/messages", { ...ask, model: "preset/hot" });
    expect(missing.body.error).toMatchObject({ message: expect.stringContaining("max_tokens") });
    const { request } = await post("/v1/messages", { ...ask, model: "preset/translate", n_predict: 5 });
    expect(request).toMatchObject({ maxTokens: 5 });
  });

  it("brings a schema and tools", async () => {
    const { request } = await post("/v1/messages", { ...ask, model: "preset/rate", max_tokens: 9 });
    expect(request?.output).toEqual({ type: "schema", schema: RATE.responseSchema });
    expect(request?.tools?.tools).toMatchObject([{ name: "look_up", description: "Looks." }]);
  });

  it("begins with a template that has no place for a message", async () => {
    const { request } = await post("/v1/messages", {
      model: "preset/haiku",
      max_tokens: 9,
      variables: { topic: "rain" },
    });
    expect(messagesOf(request)).toEqual([{ role: "user", content: "A haiku about rain." }]);
  });
});

describe("a preset elsewhere", () => {
  it("is refused by endpoints that continue a text", async () => {
    const { status, body } = await post("/v1/completions", { model: "preset/translate", prompt: "x" });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ param: "model", code: "unsupported_model" });
  });

  it("is listed after the models when a model for it is served", async () => {
    const { data } = modelList.parse(await (await app.request("/v1/models")).json());
    expect(data.map(({ id }) => id)).toEqual([
      ...[MODEL_ID, "other"],
      ...["preset/translate", "preset/rate", "preset/haiku", "preset/hot", "preset/short", "preset/strict"],
    ]);
    expect(data[2]).toMatchObject({
      owned_by: "sluice",
      created: 1_730_000_000,
      description: "A test.",
      preset: { version: "1", model: MODEL_ID, takes_input: true, variables: { language: { type: "enum" } } },
    });
  });

  it("is shown by its name", async () => {
    const shown = await app.request("/v1/models/preset/haiku");
    expect(await shown.json()).toMatchObject({ id: "preset/haiku", preset: { takes_input: false } });
    expect((await app.request("/v1/models/preset/nope")).status).toBe(404);
    const anthropic = await app.request("/v1/models/preset/haiku", { headers: { "anthropic-version": "2023-06-01" } });
    expect(await anthropic.json()).toMatchObject({ type: "model", id: "preset/haiku" });
  });

  it("can be looked at as the model would read it", async () => {
    const body = { model: "preset/translate", messages: [{ role: "user", content: "One" }] };
    expect((await app.request("/apply-template", jsonInit(body))).status).toBe(200);
  });
});
