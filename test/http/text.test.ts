import { describe, expect, it } from "vitest";
import { UnrenderablePromptError } from "../../src/generation/errors.ts";
import { error } from "../../src/protocols/openai-responses.ts";
import { modelText } from "../fixtures/generation.ts";
import { servedModel as fakeModel } from "../fixtures/served-model.ts";
import { answerWith, createTestApp, jsonInit, MODEL_ID, script, servedModel } from "./support.ts";

async function post(path: string, body: unknown, app = createTestApp().app) {
  const response = await app.request(path, jsonInit(body));
  return { status: response.status, body: await response.json() };
}

/** Two models, of which the second one's tokenizer says how it was asked. */
function twoModels() {
  const generate = script(answerWith([]));
  const options: unknown[] = [];
  const second = fakeModel({
    id: "second",
    text: {
      ...modelText,
      tokenize: async (_, given) => {
        options.push(given);
        return [2];
      },
      detokenize: async () => "second",
      applyTemplate: async () => "second",
    },
  });
  return { options, app: createTestApp({ models: [servedModel(generate), second] }).app };
}

describe("POST /tokenize", () => {
  it("returns a text's tokens, of the first model when none is named", async () => {
    expect(await post("/tokenize", { content: "Hi" }, twoModels().app)).toEqual({
      status: 200,
      body: { tokens: [72, 105] },
    });
  });

  it("returns each token's piece on request, as bytes when they are not text", async () => {
    const text = { ...modelText, spell: async () => ["é", [0xf0, 0x9f], ""] };
    const model = servedModel(script(answerWith([])), { text });
    const answer = await post(
      "/tokenize",
      { content: "abc", with_pieces: true },
      createTestApp({ models: [model] }).app,
    );
    expect(answer.body).toEqual({
      tokens: [
        { id: 97, piece: "é" },
        { id: 98, piece: [0xf0, 0x9f] },
        { id: 99, piece: "" },
      ],
    });
  });

  it("asks the model that is named, with llama-server's defaults for special tokens", async () => {
    const { app, options } = twoModels();
    expect((await post("/tokenize", { content: "Hi", model: "second" }, app)).body).toEqual({ tokens: [2] });
    await post("/tokenize", { content: "Hi", model: "second", add_special: true, parse_special: false }, app);
    expect(options).toEqual([
      { addSpecial: false, parseSpecial: true },
      { addSpecial: true, parseSpecial: false },
    ]);
  });

  it.each([
    [{}, "content", "missing_required_parameter"],
    [{ content: 5 }, "content", "invalid_type"],
    [{ content: "x".repeat(262_145) }, "content", "string_above_max_length"],
    [{ content: "x", add_special: 1 }, "add_special", "invalid_type"],
  ])("names the field that is wrong", async (body, param, code) => {
    const answer = await post("/tokenize", body);
    expect(answer.status).toBe(400);
    expect(error.parse(answer.body).error).toMatchObject({ param, code });
  });

  it("lists the existing models when one doesn't exist", async () => {
    const answer = await post("/tokenize", { content: "Hi", model: "gpt-4o" });
    expect(answer.status).toBe(404);
    expect(error.parse(answer.body).error.message).toContain(MODEL_ID);
  });
});

describe("POST /detokenize", () => {
  it("returns the text of tokens", async () => {
    expect((await post("/detokenize", { tokens: [72, 105] })).body).toEqual({ content: "Hi" });
    expect((await post("/detokenize", { tokens: [] })).body).toEqual({ content: "" });
    expect((await post("/detokenize", { tokens: [1], model: "second" }, twoModels().app)).body).toEqual({
      content: "second",
    });
  });

  it.each([
    [{}, "tokens", "missing_required_parameter"],
    [{ tokens: "1" }, "tokens", "invalid_type"],
    [{ tokens: [1, "2"] }, "tokens[1]", "invalid_type"],
    [{ tokens: [-1] }, "tokens[0]", "integer_below_min_value"],
    [{ tokens: Array(262_145).fill(1) }, "tokens", "array_above_max_length"],
  ])("names the field that is wrong", async (body, param, code) => {
    const answer = await post("/detokenize", body);
    expect(answer.status).toBe(400);
    expect(error.parse(answer.body).error).toMatchObject({ param, code });
  });
});

describe("POST /apply-template", () => {
  const messages = [
    { role: "developer", content: "Be brief." },
    { role: "user", content: [{ type: "text", text: "Hi" }] },
  ];

  it("shows the prompt of a chat completion with the same body", async () => {
    expect(await post("/apply-template", { messages })).toEqual({
      status: 200,
      body: { prompt: "system: Be brief.\nuser: Hi\n" },
    });
    expect((await post("/apply-template", { messages, model: "second" }, twoModels().app)).body).toEqual({
      prompt: "second",
    });
  });

  it.each([
    [{}, "messages"],
    [{ messages: [] }, "messages"],
    [{ messages, model: 5 }, "model"],
    [{ messages: [{ role: "user", content: [{ type: "image_url" }] }] }, "messages[0].content[0]"],
  ])("refuses what a chat completion would refuse", async (body, param) => {
    const answer = await post("/apply-template", body);
    expect(answer.status).toBe(400);
    expect(error.parse(answer.body).error.param).toContain(param);
  });

  it("reports why the model's template refuses the messages", async () => {
    const model = servedModel(script(answerWith([])), {
      text: {
        ...modelText,
        applyTemplate: async () => {
          throw new UnrenderablePromptError("roles must alternate");
        },
      },
    });
    const answer = await post("/apply-template", { messages }, createTestApp({ models: [model] }).app);
    expect(answer.status).toBe(400);
    expect(error.parse(answer.body).error).toMatchObject({ param: "messages", code: "invalid_messages" });
  });

  it("refuses a body that is not an object", async () => {
    expect((await post("/apply-template", [1])).status).toBe(400);
  });
});
