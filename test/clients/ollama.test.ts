import { Ollama } from "ollama";
import { describe, expect, inject, test } from "vitest";
import { z } from "zod";

const model = "smollm2-135m-instruct";
const client = new Ollama({ host: inject("gatewayUrl") });
const messages = [{ role: "user", content: "Say hi" }];
const options = { temperature: 0, num_predict: 20 };

const weather = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather of a city",
    parameters: {
      type: "object",
      required: ["city"],
      properties: { city: { type: "string", description: "Its name" } },
    },
  },
};

describe("the official ollama package", () => {
  test("gets an unstreamed answer, with usage", async () => {
    const answer = await client.chat({ model, messages, options });
    expect(answer.message.content).toContain("glad");
    expect(answer).toMatchObject({ model, done: true, done_reason: "length", eval_count: 20 });
    expect(answer.prompt_eval_count).toBeGreaterThan(0);
    const { total_duration, load_duration, prompt_eval_duration, eval_duration } = answer;
    expect(load_duration + prompt_eval_duration + eval_duration).toBeLessThanOrEqual(total_duration);
    expect(eval_duration).toBeGreaterThan(0);
  });

  test("streams the same answer, with the tagged name", async () => {
    const pieces: string[] = [];
    for await (const { message } of await client.chat({ model: `${model}:latest`, messages, options, stream: true })) {
      pieces.push(message.content);
    }
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.join("")).toContain("glad");
  });

  test("leaves a stream, and gets an answer afterwards", async () => {
    const stream = await client.chat({ model, messages, stream: true, options: { num_predict: -1 } });
    for await (const _ of stream) {
      stream.abort();
      break;
    }
    expect((await client.chat({ model, messages, options })).message.content).toContain("glad");
  });

  test("gets an answer in the form of a schema", async () => {
    const city = z.object({ city: z.enum(["Paris", "Rome"]), large: z.boolean() });
    const { message } = await client.chat({
      model,
      messages,
      format: z.toJSONSchema(city),
      options: { temperature: 1.5 },
    });
    expect(city.safeParse(JSON.parse(message.content)).success).toBe(true);
    const json = await client.generate({ model, prompt: "A person", format: "json", options: { num_predict: 200 } });
    expect(json.done_reason === "length" || typeof JSON.parse(json.response ?? "") === "object").toBe(true);
  });

  test("offers tools, and returns a result", async () => {
    const answer = await client.chat({ model, messages, tools: [weather], options });
    expect(answer.message.role).toBe("assistant");
    const after = await client.chat({
      ...{ model, options, tools: [weather] },
      messages: [
        { role: "user", content: "How is the weather in Paris?" },
        {
          role: "assistant",
          content: "",
          tool_calls: [{ function: { name: "weather", arguments: { city: "Paris" } } }],
        },
        { role: "tool", content: "sunny", tool_name: "weather" },
      ],
    });
    expect(after.message.content).toMatch(/\w/);
  });

  test("gets an answer to a prompt, and the continuation of a text", async () => {
    const said = await client.generate({ model, prompt: "Say hi", system: "Be brief.", options });
    expect(said.response).toMatch(/\w/);
    const raw = await client.generate({ model, prompt: "One, two, three,", raw: true, options });
    expect(raw.response).toContain("four");
  });

  test("gets an answer from a preset", async () => {
    const { models } = await client.list();
    expect(models.map(({ name }) => name)).toEqual(
      expect.arrayContaining([`${model}:latest`, "preset/sentiment:latest"]),
    );
    const { message } = await client.chat({
      model: "preset/sentiment:latest",
      messages: [{ role: "user", content: "I love it." }],
    });
    expect(message.content).toMatch(/\w/);
  });

  test("creates embeddings", async () => {
    const { embeddings } = await client.embed({ model, input: ["A quiet lake.", "A quiet lake."] });
    expect(embeddings[0]).toHaveLength(576);
    expect(embeddings[1]).toEqual(embeddings[0]);
    const { embedding } = await client.embeddings({ model, prompt: "A quiet lake." });
    expect(embedding).toEqual(embeddings[0]);
  });

  test("lists and shows models", async () => {
    const shown = await client.show({ model });
    expect(shown.capabilities).toEqual(expect.arrayContaining(["completion", "tools", "embedding"]));
    expect(Object.entries(shown.model_info)).toContainEqual(["llama.context_length", 1024]);
    expect(shown.details).toMatchObject({ format: "gguf", family: "llama", quantization_level: "Q4_1" });
    const { models } = await client.ps();
    expect(models).toMatchObject([{ name: `${model}:latest` }]);
    expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test("pulls an existing model, and can't delete one that the gateway was started with", async () => {
    const told: string[] = [];
    for await (const { status } of await client.pull({ model, stream: true })) told.push(status);
    expect(told).toEqual(["pulling manifest", "success"]);
    expect(await client.pull({ model: `${model}:latest` })).toEqual({ status: "success" });
    await expect(client.pull({ model: "llama3:8b" })).rejects.toMatchObject({ status_code: 404 });
    await expect(client.delete({ model })).rejects.toMatchObject({ status_code: 400 });
    await expect(client.create({ model: "mine", from: model })).rejects.toMatchObject({ status_code: 404 });
  });

  test("raises errors with their status and message", async () => {
    await expect(client.chat({ model: "llama3:8b", messages })).rejects.toMatchObject({ status_code: 404 });
    await expect(client.chat({ model, messages, options: { mirostat: 2 } })).rejects.toMatchObject({
      ...{ status_code: 400, message: expect.stringContaining("mirostat") },
    });
    const images = [{ role: "user", content: "Look", images: ["aGk="] }];
    await expect(client.chat({ model, messages: images, stream: true })).rejects.toMatchObject({ status_code: 400 });
  });
});
