import OpenAI from "openai";
import { describe, expect, inject, test } from "vitest";

const client = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none", maxRetries: 0 });
const model = "smollm2-135m-instruct";
const messages = [{ role: "user" as const, content: "What is the weather in Paris?" }];

const getWeather = {
  type: "function" as const,
  function: {
    name: "get_weather",
    description: "The weather at a place",
    strict: true,
    parameters: {
      type: "object",
      properties: { city: { type: "string", maxLength: 12 }, unit: { enum: ["celsius", "fahrenheit"] } },
      required: ["city", "unit"],
      additionalProperties: false,
    },
  },
};
const roll = {
  type: "function" as const,
  function: {
    name: "roll",
    parameters: {
      type: "object",
      properties: { sides: { type: "integer", minimum: 2, maximum: 100 } },
      required: ["sides"],
      additionalProperties: false,
    },
  },
};
const tools = [getWeather, roll];

/** Throws unless the arguments fit the function's schema. */
function checkArguments(name: string, json: string): void {
  const value: unknown = JSON.parse(json);
  if (name === "get_weather") {
    expect(value).toEqual({ city: expect.any(String), unit: expect.stringMatching(/^(celsius|fahrenheit)$/) });
    expect(String(Object(value).city).length).toBeLessThanOrEqual(12);
  } else {
    expect(name).toBe("roll");
    expect(Object.keys(Object(value))).toEqual(["sides"]);
    expect(Object(value).sides).toSatisfy((sides: unknown) => Number.isInteger(sides) && Number(sides) >= 2);
  }
}

describe("tools, with the real model", () => {
  test("are called where a call is required, with arguments that fit their schema, even at temperature 2", async () => {
    const answers = await Promise.all(
      Array.from({ length: 3 }, (_, seed) =>
        client.chat.completions.create({
          model,
          messages,
          tools,
          tool_choice: "required",
          parallel_tool_calls: false,
          temperature: 2,
          seed,
          max_tokens: 200,
        }),
      ),
    );
    for (const { choices, usage } of answers) {
      const [choice] = choices;
      expect(choice?.finish_reason).toBe("tool_calls");
      expect(choice?.message.content).toBeNull();
      const [call] = choice?.message.tool_calls ?? [];
      if (call?.type !== "function") throw new Error("no function was called");
      expect(call.id).toMatch(/^call_[0-9a-f]{24}$/);
      checkArguments(call.function.name, call.function.arguments);
      expect(usage?.completion_tokens).toBeGreaterThan(5);
    }
  });

  test("are called by name, the others not", async () => {
    for (const name of ["roll", "get_weather"]) {
      const { choices } = await client.chat.completions.create({
        model,
        messages,
        tools,
        tool_choice: { type: "function", function: { name } },
        temperature: 2,
        seed: 5,
        max_tokens: 200,
      });
      const calls = choices[0]?.message.tool_calls ?? [];
      expect(calls).toHaveLength(1);
      for (const call of calls) {
        if (call.type !== "function") throw new Error("no function was called");
        expect(call.function.name).toBe(name);
        checkArguments(name, call.function.arguments);
      }
    }
  });

  test("stream as the whole answer is, put together by the official package", async () => {
    const body = { model, messages, tools, tool_choice: "required" as const, temperature: 0, max_tokens: 200 };
    const whole = await client.chat.completions.create({ ...body, parallel_tool_calls: false });
    const stream = client.chat.completions.stream({ ...body, parallel_tool_calls: false });
    const streamed = await stream.finalChatCompletion();
    const called = (completion: { choices: { message: { tool_calls?: unknown } }[] }) =>
      JSON.parse(JSON.stringify(completion.choices[0]?.message.tool_calls)).map(
        (call: { function: object }) => call.function,
      );
    expect(called(streamed)).toMatchObject(called(whole));
    expect(streamed.choices[0]?.finish_reason).toBe("tool_calls");
  });

  test("are not called when tool_choice is none", async () => {
    const { choices } = await client.chat.completions.create({
      model,
      messages,
      tools,
      tool_choice: "none",
      temperature: 0,
      max_tokens: 20,
    });
    expect(choices[0]?.message.tool_calls).toBeUndefined();
    expect(choices[0]?.message.content?.length).toBeGreaterThan(10);
  });

  test("return their results in any order, and the model continues", async () => {
    const call = (id: string, name: string, json: string) =>
      ({ id, type: "function", function: { name, arguments: json } }) as const;
    const { choices } = await client.chat.completions.create({
      model,
      messages: [
        ...messages,
        {
          role: "assistant",
          content: null,
          tool_calls: [call("a", "get_weather", '{"city":"Paris","unit":"celsius"}'), call("b", "roll", '{"sides":6}')],
        },
        { role: "tool", tool_call_id: "b", content: "4" },
        { role: "tool", tool_call_id: "a", content: "Sunny, 21 °C" },
      ],
      tools,
      temperature: 0,
      max_tokens: 20,
    });
    expect(choices[0]?.message.content?.length).toBeGreaterThan(0);
  });

  test("are called by each of n choices, and counted", async () => {
    const { choices } = await client.chat.completions.create({
      model,
      messages,
      tools,
      tool_choice: "required",
      parallel_tool_calls: false,
      n: 3,
      seed: 1,
      max_tokens: 200,
    });
    expect(choices.map(({ finish_reason }) => finish_reason)).toEqual(["tool_calls", "tool_calls", "tool_calls"]);
  });

  test("are answered in the form of 2023 if requested in it", async () => {
    const { choices } = await client.chat.completions.create({
      model,
      messages,
      functions: [roll.function],
      function_call: { name: "roll" },
      temperature: 0,
      max_tokens: 100,
    });
    expect(choices[0]?.finish_reason).toBe("function_call");
    checkArguments("roll", choices[0]?.message.function_call?.arguments ?? "");
  });

  test("are refused by keyword if a strict schema can't be enforced", async () => {
    const parameters = { type: "object", properties: { a: { type: "array", contains: { const: 1 } } } };
    const refused = client.chat.completions.create({
      model,
      messages,
      tools: [{ type: "function", function: { name: "f", strict: true, parameters } }],
    });
    await expect(refused).rejects.toMatchObject({
      status: 400,
      param: expect.stringMatching(/^tools\[0\]\.function\.parameters/),
    });
  });
});
