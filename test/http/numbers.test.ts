import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/cache/key.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { answerWith, CHAT, createTestApp, MODEL_ID, script } from "./support.ts";

/** Numbers that JavaScript writes in another way than they are written here. */
const NUMBERS = ["725653563933458433", "1.0", "1e400", "-0", "0.1000", "12345678901234567890123.5"];
const SOME = `[${NUMBERS.join()}]`;
const SCHEMA = `{"type":"object","properties":{"a":{"enum":${SOME}}}}`;
const MODEL = `"model":"${MODEL_ID}"`;
const USER = '{"role":"user","content":"Hi"}';

/** What is asked of the engine for a body, and what it is answered. */
async function send(path: string, body: string, events = answerWith(["Hi"])) {
  const asked: GenerationRequest[] = [];
  const { app } = createTestApp({
    generate: script(async function* (request) {
      asked.push(request);
      yield* events;
    }),
  });
  const headers = { "content-type": "application/json" };
  const response = await app.request(path, { method: "POST", headers, body });
  return { app, status: response.status, text: await response.text(), asked };
}

const call = (text: string) =>
  [
    { type: "started", promptTokens: 12, cachedTokens: 4 },
    { type: "toolCall", choice: 0, index: 0, id: "call_1", name: "f" },
    { type: "toolArguments", choice: 0, index: 0, text },
    { type: "finished", choice: 0, reason: "tool_calls", completionTokens: 3 },
  ] as const;

describe("a number that is passed on keeps its spelling", () => {
  it.each([
    [
      "a chat's tools",
      CHAT,
      `{${MODEL},"messages":[${USER}],"tools":[{"type":"function","function":{"name":"f","parameters":${SCHEMA}}}]}`,
    ],
    ["a chat's functions", CHAT, `{${MODEL},"messages":[${USER}],"functions":[{"name":"f","parameters":${SCHEMA}}]}`],
    [
      "a chat's format",
      CHAT,
      `{${MODEL},"messages":[${USER}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":${SCHEMA}}}}`,
    ],
    ["a chat's template arguments", CHAT, `{${MODEL},"messages":[${USER}],"chat_template_kwargs":{"a":${SOME}}}`],
    [
      "a response's tools",
      "/v1/responses",
      `{${MODEL},"input":"Hi","tools":[{"type":"function","name":"f","parameters":${SCHEMA}}]}`,
    ],
    [
      "a response's format",
      "/v1/responses",
      `{${MODEL},"input":"Hi","text":{"format":{"type":"json_schema","name":"n","schema":${SCHEMA}}}}`,
    ],
    [
      "a message's tools",
      "/v1/messages",
      `{${MODEL},"max_tokens":9,"messages":[${USER}],"tools":[{"name":"f","input_schema":${SCHEMA}}]}`,
    ],
    [
      "a message's format",
      "/v1/messages",
      `{${MODEL},"max_tokens":9,"messages":[${USER}],"output_config":{"format":{"type":"json_schema","schema":${SCHEMA}}}}`,
    ],
    [
      "a message's calls",
      "/v1/messages",
      `{${MODEL},"max_tokens":9,"messages":[${USER},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"a":${SOME}}}]},` +
        '{"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]}]}',
    ],
  ])("in %s", async (_, path, body) => {
    const { status, asked } = await send(path, body);
    expect(status).toBe(200);
    const [{ prompt, tools, output } = {}] = asked;
    // A message's call is JSON in a string.
    expect(JSON.stringify({ prompt, tools, output }).replaceAll("\\", "")).toContain(SOME);
  });

  it("in the fields that a response repeats, and stores", async () => {
    const body = `{${MODEL},"input":"Hi","tools":[{"type":"function","name":"f","parameters":${SCHEMA}}],"text":{"format":{"type":"json_schema","name":"n","schema":${SCHEMA}}}}`;
    const { app, text } = await send("/v1/responses", body);
    expect(text.split(SOME)).toHaveLength(3);
    const kept = await app.request(`/v1/responses/${JSON.parse(text).id}`);
    expect(await kept.text()).toBe(text);
    const streamed = await send("/v1/responses", `${body.slice(0, -1)},"stream":true}`);
    expect(streamed.text).toContain(SOME);
  });

  it("in the messages of a stored completion", async () => {
    const { app, text } = await send(
      CHAT,
      `{${MODEL},"store":true,"messages":[{"role":"user","content":"Hi","more":${`{"a":${SOME}}`}}]}`,
    );
    const kept = await app.request(`${CHAT}/${JSON.parse(text).id}/messages`);
    expect(await kept.text()).toContain(SOME);
  });

  it("in the call that the model makes", async () => {
    const events = call(`{"a":${SOME}}`);
    const whole = await send(
      "/v1/messages",
      `{${MODEL},"max_tokens":9,"messages":[${USER}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}`,
      [...events],
    );
    expect(whole.text).toContain(`"input":{"a":${SOME}}`);
    const chat = await send(
      CHAT,
      `{${MODEL},"messages":[${USER}],"tools":[{"type":"function","function":{"name":"f"}}]}`,
      [...events],
    );
    expect(JSON.parse(chat.text).choices[0].message.tool_calls[0].function.arguments).toBe(`{"a":${SOME}}`);
  });

  it("in a call that is too deep to be sent back, which then has no arguments", async () => {
    const { status, text } = await send(
      "/v1/messages",
      `{${MODEL},"max_tokens":9,"messages":[${USER}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}`,
      [...call(`{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`)],
    );
    expect({ status, input: JSON.parse(text).content[0].input }).toEqual({ status: 200, input: {} });
  });

  it("so that requests which differ only in it have separate answers", async () => {
    const bodies = NUMBERS.concat("725653563933458432", "1", "0.1").map(
      (number) =>
        `{${MODEL},"messages":[${USER}],"temperature":0,"chat_template_kwargs":{"a":${number}},"tools":[{"type":"function","function":{"name":"f","parameters":{"const":${number}}}}]}`,
    );
    const asked = await Promise.all(bodies.map((body) => send(CHAT, body)));
    const keys = asked.flatMap((one) => one.asked.map((request) => keyOf(request, "model")));
    expect(new Set(keys).size).toBe(bodies.length);
  });
});

describe("a number that is computed with", () => {
  it("may be written in any way", async () => {
    const { status, asked } = await send(
      CHAT,
      `{${MODEL},"messages":[${USER}],"temperature":1.0,"max_tokens":1e2,"top_p":0.50,"seed":7.0,"logit_bias":{"5":-1e2},"n":1.0}`,
    );
    expect(status).toBe(200);
    expect(asked).toMatchObject([
      { maxTokens: 100, sampling: { temperature: 1, topP: 0.5, seed: 7, logitBias: [[5, -100]] } },
    ]);
  });

  it("may be a token's id", async () => {
    const { status, asked } = await send("/v1/completions", `{${MODEL},"prompt":[1.0,2,3e0]}`);
    expect(status).toBe(200);
    expect(asked).toMatchObject([{ prompt: { tokens: [1, 2, 3] } }]);
  });

  it("is called a number when another type is expected", async () => {
    const { status, text } = await send(CHAT, `{${MODEL},"messages":[{"role":"user","content":1.0}]}`);
    expect({ status, message: JSON.parse(text).error.message }).toEqual({
      status: 400,
      message: expect.stringContaining("got a number instead"),
    });
  });
});
