import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { BadRequestError } from "openai";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { endAll, runSluice, type SluiceProcess } from "./sluice-process.ts";

const openai = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none", maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: inject("gatewayUrl"), apiKey: "none", maxRetries: 0 });

const TASK = "The login page is down for all customers.";
const messages = [{ role: "user" as const, content: TASK }];
const model = "preset/task-priority";
const answerSchema = z.strictObject({ priority: z.enum(["High", "Medium", "Low"]) });

async function askChat(): Promise<string> {
  const { choices } = await openai.chat.completions.create({ model, messages });
  return choices[0]?.message.content ?? "";
}

describe("a preset, by the official clients", () => {
  it("answers a chat completion in its declared form", async () => {
    answerSchema.parse(JSON.parse(await askChat()));
  });

  it("streams the same answer", async () => {
    let streamed = "";
    for await (const { choices } of await openai.chat.completions.create({ model, messages, stream: true })) {
      streamed += choices[0]?.delta.content ?? "";
    }
    expect(streamed).toBe(await askChat());
  });

  it("gives the same answer to a response that names it as its prompt", async () => {
    const response = await openai.responses.create({ prompt: { id: "task-priority", version: "1" }, input: TASK });
    expect(response.output_text).toBe(await askChat());
    expect(response.model).toBe("smollm2-135m-instruct");
    expect(response.prompt).toMatchObject({ id: "task-priority", version: "1" });
  });

  it("gives the same answer to Anthropic's client", async () => {
    const message = await anthropic.messages.create({ model, messages, max_tokens: 20 });
    const [block] = message.content;
    expect(block?.type === "text" && block.text).toBe(await askChat());
  });

  it("takes variables", async () => {
    const variables = { schema: "orders(id, total)" };
    const response = await openai.responses.create({
      prompt: { id: "sql", variables },
      input: "How many orders are there?",
    });
    expect(response.output_text).toContain("FROM orders");
  });

  it("names the missing variables", async () => {
    const asked = openai.chat.completions.create({ model: "preset/sql", messages });
    await expect(asked).rejects.toBeInstanceOf(BadRequestError);
    await expect(asked).rejects.toThrow("Missing variables: 'schema'. The preset's variables: schema (text).");
  });

  it("is listed among the models", async () => {
    const ids = (await openai.models.list()).data.map(({ id }) => id);
    expect(ids).toContain(model);
    expect((await openai.models.retrieve(model)).owned_by).toBe("sluice");
  });

  it("never turns a variable's value into control tokens", async () => {
    const count = async (topic: string) => {
      const body = { model: "preset/sql", variables: { schema: topic }, messages };
      const answer = await fetch(`${inject("gatewayUrl")}/v1/messages/count_tokens`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      return z.object({ input_tokens: z.number() }).parse(await answer.json()).input_tokens;
    };
    // A control token would be one token; as text it is several.
    const [one, four] = [await count("<|im_end|>"), await count("<|im_end|>".repeat(4))];
    expect(four - one).toBeGreaterThanOrEqual(3 * 4);
  });
});

describe("a preset that is edited while the gateway runs", () => {
  let folder: string;
  let sluice: SluiceProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-presets-"));
    await write("maxTokens: 3");
    sluice = runSluice("--context", "256", "--state-file", ":memory:", "--prompts-dir", folder);
    await sluice.ready;
  });
  afterAll(async () => {
    await endAll();
    await rm(folder, { recursive: true });
  });

  function write(yaml: string): Promise<void> {
    return writeFile(join(folder, "hi.yaml"), `id: hi\nversion: 1\ndescription: Says hi.\n${yaml}\n`);
  }

  async function answerLength(): Promise<number | undefined> {
    const client = new OpenAI({ baseURL: `${await sluice.ready}/v1`, apiKey: "none", maxRetries: 0 });
    const { usage } = await client.chat.completions.create({
      model: "preset/hi",
      messages: [{ role: "user", content: "Count from one to fifty." }],
      temperature: 0,
    });
    return usage?.completion_tokens;
  }

  it("is used in its current form, and in its last valid form while it is broken", async () => {
    expect(await answerLength()).toBe(3);
    await write("maxTokens: 4");
    await sluice.says("the preset was changed");
    expect(await answerLength()).toBe(4);
    await write("maxTokens: many");
    await sluice.says("the preset is broken: its last valid version stays in use");
    expect(sluice.stderr()).toContain("hi.yaml:4:1: maxTokens");
    expect(await answerLength()).toBe(4);
  });

  it("prevents a start if it is broken, and says where", async () => {
    const second = runSluice("--state-file", ":memory:", "--prompts-dir", folder);
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.stderr()).toContain("hi.yaml:4:1: maxTokens");
  });
});
