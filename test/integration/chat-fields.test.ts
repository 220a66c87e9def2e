import OpenAI from "openai";
import { describe, expect, inject, test } from "vitest";
import { chatCompletion } from "../../src/protocols/openai-responses.ts";

const client = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none", maxRetries: 0 });
const model = "smollm2-135m-instruct";
const messages = [{ role: "user" as const, content: "What is the capital of France?" }];
const greedy = { model, messages, temperature: 0, max_tokens: 12 };

describe("the fields of a chat completion, with the real model", () => {
  test("give log-probabilities of every token, the same streamed and whole", async () => {
    const body = { ...greedy, logprobs: true, top_logprobs: 3 };
    const whole = await client.chat.completions.create(body);
    const [choice] = chatCompletion.parse(JSON.parse(JSON.stringify(whole))).choices;
    const tokens = choice?.logprobs?.content ?? [];
    expect(tokens.map(({ token }) => token).join("")).toBe(choice?.message.content);
    for (const { token, logprob, top_logprobs } of tokens) {
      expect(top_logprobs).toHaveLength(3);
      // Greedy: the sampled token is the likeliest.
      expect(top_logprobs[0]).toMatchObject({ token, logprob });
    }
    const streamed = await client.chat.completions.stream(body).finalChatCompletion();
    expect(streamed.choices[0]?.logprobs?.content?.map(({ token }) => token)).toEqual(tokens.map(({ token }) => token));
  });

  test("continue the beginning of an answer", async () => {
    const whole = await client.chat.completions.create(greedy);
    const text = whole.choices[0]?.message.content ?? "";
    const beginning = text.slice(0, text.indexOf(" ", 10));
    const more = await client.chat.completions.create({
      ...greedy,
      messages: [...messages, { role: "assistant", content: beginning }],
      ...{ continue_final_message: true },
    });
    const rest = more.choices[0]?.message.content ?? "";
    expect(rest.slice(0, 8)).toBe(text.slice(beginning.length, beginning.length + 8));
  });

  test("constrain the answer to a schema, even at temperature 2", async () => {
    const schema = {
      type: "object",
      properties: { city: { type: "string", maxLength: 10 }, large: { type: "boolean" } },
      required: ["city", "large"],
      additionalProperties: false,
    };
    const { choices } = await client.chat.completions.create({
      ...greedy,
      temperature: 2,
      seed: 1,
      max_tokens: 120,
      response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema } },
    });
    expect(choices[0]?.finish_reason).toBe("stop");
    expect(JSON.parse(choices[0]?.message.content ?? "")).toEqual({
      city: expect.any(String),
      large: expect.any(Boolean),
    });
  });

  test("constrain the answer to a schema or a call if there are tools too", async () => {
    const { choices } = await client.chat.completions.create({
      ...greedy,
      max_tokens: 120,
      tools: [{ type: "function", function: { name: "now" } }],
      parallel_tool_calls: false,
      response_format: {
        type: "json_schema",
        json_schema: {
          name: "answer",
          schema: {
            type: "object",
            properties: { a: { type: "boolean" } },
            required: ["a"],
            additionalProperties: false,
          },
        },
      },
    });
    const [choice] = choices;
    if (choice?.finish_reason === "tool_calls") expect(choice.message.tool_calls).toHaveLength(1);
    else expect(JSON.parse(choice?.message.content ?? "")).toEqual({ a: expect.any(Boolean) });
  });
});
