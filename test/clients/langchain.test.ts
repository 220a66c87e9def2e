import { tool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { describe, expect, inject, test } from "vitest";
import { z } from "zod";

const configuration = { baseURL: `${inject("gatewayUrl")}/v1` };
const options = { model: "smollm2-135m-instruct", apiKey: "none", maxRetries: 0, configuration } as const;
const chat = (given: { readonly temperature?: number; readonly maxTokens: number }) =>
  new ChatOpenAI({ ...options, temperature: 0, ...given });

describe("LangChain's OpenAI model", () => {
  test("gets an unstreamed answer, with usage", async () => {
    const message = await chat({ maxTokens: 20 }).invoke("Say hi");
    expect(message.text).toContain("glad");
    expect(message.usage_metadata).toMatchObject({ output_tokens: 20 });
  });

  test("streams the same", async () => {
    const pieces: string[] = [];
    for await (const chunk of await chat({ maxTokens: 20 }).stream("Say hi")) pieces.push(chunk.text);
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.join("")).toContain("glad");
  });

  test("gets an object that fits its schema", async () => {
    const person = z.object({ name: z.string().max(12), age: z.int().min(1).max(99) });
    const structured = chat({ temperature: 1.5, maxTokens: 100 }).withStructuredOutput(person, {
      method: "jsonSchema",
      strict: true,
    });
    expect(person.safeParse(await structured.invoke("A person.")).success).toBe(true);
  });

  test("calls a required tool", async () => {
    const weather = tool(async () => "sunny", {
      name: "weather",
      description: "The weather of a city",
      schema: z.object({ city: z.string().max(12) }),
    });
    const bound = chat({ maxTokens: 200 }).bindTools([weather], {
      tool_choice: "weather",
      parallel_tool_calls: false,
    });
    const message = await bound.invoke("How is the weather in Paris?");
    expect(message.tool_calls).toMatchObject([{ name: "weather", args: { city: expect.any(String) } }]);
  });

  test("creates embeddings", async () => {
    const [one, other] = await new OpenAIEmbeddings(options).embedDocuments(["A quiet lake.", "A quiet lake."]);
    expect(one).toHaveLength(576);
    expect(other).toEqual(one);
  });

  test("gets errors with their status", async () => {
    const failure = new ChatOpenAI({ ...options, model: "nobody" }).invoke("Say hi");
    await expect(failure).rejects.toMatchObject({ status: 404 });
  });
});
