import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { describe, expect, inject, it } from "vitest";
import { z } from "zod";

const model = "smollm2-135m-instruct";
const client = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none" });

const person = z.object({ name: z.string().max(20), age: z.int().min(0).max(120), likes: z.enum(["tea", "coffee"]) });

describe("the official package's helpers", () => {
  it("parse an answer into the requested type, as Instructor does", async () => {
    const { choices } = await client.chat.completions.parse({
      model,
      messages: [{ role: "user", content: "Ann is 31 and drinks tea. Who is she?" }],
      response_format: zodResponseFormat(person, "person"),
      max_completion_tokens: 100,
      temperature: 1.5,
      seed: 7,
    });
    expect(choices[0]?.finish_reason).toBe("stop");
    expect(person.safeParse(choices[0]?.message.parsed).success).toBe(true);
  });

  it("run an agent's loop: call the requested tool, return the result, and ask again", async () => {
    const asked: string[] = [];
    const weather = zodFunction({
      name: "get_weather",
      description: "The weather in a city.",
      parameters: z.object({ city: z.enum(["Paris", "Rome"]) }),
      function: ({ city }) => {
        asked.push(city);
        return { city, celsius: 21 };
      },
    });
    const runner = client.chat.completions.runTools(
      {
        model,
        messages: [{ role: "user", content: "What is the weather in Paris?" }],
        tools: [weather],
        tool_choice: "required",
        parallel_tool_calls: false,
        max_completion_tokens: 60,
        temperature: 0,
      },
      { maxChatCompletions: 3 },
    );
    await runner.done();
    expect(asked).toHaveLength(3);
    const roles = runner.messages.map(({ role }) => role);
    expect(roles).toEqual(["user", "assistant", "tool", "assistant", "tool", "assistant", "tool"]);
    expect(runner.allChatCompletions()).toHaveLength(3);
  });

  it("run the same loop over streams", async () => {
    const runner = client.chat.completions.runTools(
      {
        model,
        stream: true,
        messages: [{ role: "user", content: "What time is it?" }],
        tools: [
          zodFunction({
            name: "get_time",
            description: "The time.",
            parameters: z.object({ zone: z.enum(["UTC", "CET"]) }),
            function: () => "12:00",
          }),
        ],
        tool_choice: "required",
        parallel_tool_calls: false,
        max_completion_tokens: 60,
        temperature: 0,
      },
      { maxChatCompletions: 2 },
    );
    let chunks = 0;
    runner.on("chunk", () => {
      chunks += 1;
    });
    await runner.done();
    expect(chunks).toBeGreaterThan(4);
    expect(runner.messages.filter(({ role }) => role === "tool")).toHaveLength(2);
  });
});
