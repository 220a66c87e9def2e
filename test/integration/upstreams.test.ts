import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { listen } from "../http/support.ts";

const MODEL = "there/smollm2-135m-instruct";
const MESSAGES = [{ role: "user" as const, content: "Say hi" }];
const GREEDY = { model: MODEL, messages: MESSAGES, temperature: 0, max_tokens: 20 };

let gateway: Gateway;
let server: Awaited<ReturnType<typeof listen>>;
let here: OpenAI;
let there: OpenAI;
let anthropic: Anthropic;

// A gateway without a model of its own, in front of the one that all tests share.
beforeAll(async () => {
  const upstreams = [{ name: "there", kind: "sluice", baseUrl: inject("gatewayUrl") }];
  const config = configSchema.parse({ model: [], stateFile: ":memory:", upstreams });
  gateway = await createGateway({ config, models: [], logger: pino({ level: "silent" }) });
  await gateway.start();
  server = await listen(gateway.app);
  here = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  there = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none", maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: server.url, apiKey: "none", maxRetries: 0 });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await gateway.stop();
});

describe("a real Sluice as an upstream", () => {
  test("gives the same answer, with the same log-probabilities and usage, as when it is asked itself", async () => {
    const more = { logprobs: true, top_logprobs: 2 };
    const [through, direct] = await Promise.all([
      here.chat.completions.create({ ...GREEDY, ...more }),
      there.chat.completions.create({ ...GREEDY, ...more, model: "smollm2-135m-instruct" }),
    ]);
    expect(through.choices[0]?.message.content).toBe(direct.choices[0]?.message.content);
    expect(through.choices[0]?.finish_reason).toBe(direct.choices[0]?.finish_reason);
    expect(through.choices[0]?.logprobs?.content?.map(({ token }) => token)).toEqual(
      direct.choices[0]?.logprobs?.content?.map(({ token }) => token),
    );
    expect(through.usage?.completion_tokens).toBe(direct.usage?.completion_tokens);
    expect(through.usage?.prompt_tokens).toBe(direct.usage?.prompt_tokens);
  });

  test("streams to the official OpenAI and Anthropic clients", async () => {
    const streamed = await here.chat.completions.stream(GREEDY).finalContent();
    const message = await anthropic.messages
      .stream({ model: MODEL, messages: MESSAGES, temperature: 0, max_tokens: 20 })
      .finalMessage();
    expect(streamed).not.toBe("");
    expect(message.content).toMatchObject([{ type: "text", text: streamed }]);
    expect(message.usage.output_tokens).toBeGreaterThan(0);
  });

  test("holds its answers to a schema, and calls the tool that it must call", async () => {
    const schema = {
      type: "object",
      properties: { a: { type: "integer" } },
      required: ["a"],
      additionalProperties: false,
    };
    const shaped = await here.chat.completions.create({
      ...GREEDY,
      response_format: { type: "json_schema", json_schema: { name: "thing", schema, strict: true } },
    });
    expect(JSON.parse(shaped.choices[0]?.message.content ?? "")).toEqual({ a: expect.any(Number) });
    const parameters = {
      type: "object",
      properties: { city: { type: "string", enum: ["Rome", "Oslo"] } },
      required: ["city"],
    };
    const called = await here.chat.completions.create({
      ...{ ...GREEDY, max_tokens: 60 },
      tools: [{ type: "function", function: { name: "weather", parameters } }],
      tool_choice: "required",
      parallel_tool_calls: false,
    });
    expect(called.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { tool_calls: [{ function: { name: "weather", arguments: expect.stringMatching(/Rome|Oslo/) } }] },
    });
  });

  test("continues texts, ends at stop strings, and makes the same embeddings", async () => {
    const asked = { prompt: "One, two, three, four,", temperature: 0, max_tokens: 12, stop: ["seven"] };
    const [through, direct] = await Promise.all([
      here.completions.create({ ...asked, model: MODEL }),
      there.completions.create({ ...asked, model: "smollm2-135m-instruct" }),
    ]);
    expect(through.choices[0]?.text).toBe(direct.choices[0]?.text);
    const [a, b] = await Promise.all([
      here.embeddings.create({ model: MODEL, input: ["a cat"], encoding_format: "float" }),
      there.embeddings.create({ model: "smollm2-135m-instruct", input: ["a cat"], encoding_format: "float" }),
    ]);
    const [first, second] = [a.data[0]?.embedding ?? [], b.data[0]?.embedding ?? []];
    expect(first).toHaveLength(second.length);
    expect(Math.max(...first.map((value, index) => Math.abs(value - (second[index] ?? 0))))).toBeLessThan(1e-3);
  });

  test("names the field that it refuses", async () => {
    const asked = here.chat.completions.create({
      ...GREEDY,
      max_tokens: 5,
      messages: [{ role: "user", content: "word ".repeat(5_000) }],
    });
    await expect(asked).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" });
  });
});
