import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embed, generateObject, generateText, jsonSchema, Output, streamText, tool } from "ai";
import { describe, expect, inject, test } from "vitest";

const provider = createOpenAICompatible({
  name: "sluice",
  baseURL: `${inject("gatewayUrl")}/v1`,
  supportsStructuredOutputs: true,
  includeUsage: true,
});
const model = provider("smollm2-135m-instruct");
const prompt = "Say hi";
const common = { model, temperature: 0, maxRetries: 0 } as const;

describe("the AI SDK", () => {
  test("gets an unstreamed answer, with usage", async () => {
    const { text, usage, finishReason } = await generateText({ ...common, prompt, maxOutputTokens: 20 });
    expect(text).toContain("glad");
    expect(finishReason).toBe("length");
    expect(usage.outputTokens).toBe(20);
  });

  test("streams the same", async () => {
    const { textStream, usage } = streamText({ ...common, prompt, maxOutputTokens: 20 });
    const pieces: string[] = [];
    for await (const piece of textStream) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("")).toContain("glad");
    expect((await usage).outputTokens).toBe(20);
  });

  test("gets an object that fits its schema, even at a high temperature", async () => {
    const schema = jsonSchema<{ name: string; age: number }>({
      type: "object",
      properties: { name: { type: "string", maxLength: 12 }, age: { type: "integer", minimum: 1, maximum: 99 } },
      required: ["name", "age"],
      additionalProperties: false,
    });
    const { output } = await generateText({
      ...common,
      temperature: 2,
      seed: 4,
      prompt: "A person.",
      maxOutputTokens: 100,
      output: Output.object({ schema }),
    });
    expect(output.name.length).toBeLessThanOrEqual(12);
    expect(Number.isInteger(output.age)).toBe(true);
    expect(output.age).toBeGreaterThanOrEqual(1);
    expect(output.age).toBeLessThanOrEqual(99);
  });

  test("gets an object by generateObject, also from an enum", async () => {
    const { object } = await generateObject({
      ...common,
      prompt: "Which is larger?",
      output: "enum",
      enum: ["Paris", "Rome"],
      maxOutputTokens: 40,
    });
    expect(["Paris", "Rome"]).toContain(object);
  });

  test("calls a required tool, and continues with its result", async () => {
    const asked: string[] = [];
    const weather = tool({
      description: "The weather of a city",
      inputSchema: jsonSchema<{ city: string }>({
        type: "object",
        properties: { city: { type: "string", maxLength: 12 } },
        required: ["city"],
        additionalProperties: false,
      }),
      execute: async ({ city }) => {
        asked.push(city);
        return "sunny";
      },
    });
    const { toolCalls, toolResults } = await generateText({
      ...common,
      prompt: "How is the weather in Paris?",
      maxOutputTokens: 200,
      tools: { weather },
      toolChoice: "required",
      providerOptions: { sluice: { parallel_tool_calls: false } },
    });
    expect(toolCalls.map(({ toolName }) => toolName)).toEqual(["weather"]);
    expect(asked).toHaveLength(1);
    expect(toolResults.map(({ output }) => output)).toEqual(["sunny"]);
  });

  test("creates an embedding", async () => {
    const { embedding } = await embed({
      model: provider.embeddingModel("smollm2-135m-instruct"),
      value: "A quiet lake.",
      maxRetries: 0,
    });
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
  });

  test("gets errors with their status and message", async () => {
    const failure = generateText({ ...common, model: provider("nobody"), prompt }).catch((error: unknown) => error);
    const error = await failure;
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ statusCode: 404, message: expect.stringContaining("does not exist") });
  });

  test("can abort an answer", async () => {
    const controller = new AbortController();
    const { textStream } = streamText({
      ...common,
      prompt: "Tell me a long story.",
      maxOutputTokens: 400,
      abortSignal: controller.signal,
    });
    let pieces = 0;
    for await (const _ of textStream) if (++pieces === 3) controller.abort();
    expect(pieces).toBeLessThan(400);
  });
});
