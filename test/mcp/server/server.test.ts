import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { describe, expect, it } from "vitest";
import { createGatewayClient } from "../../../src/cli/gateway-client.ts";
import type { Embed } from "../../../src/generation/embedding.ts";
import { createMcpServer } from "../../../src/mcp/server/server.ts";
import { createTestApp, listen, script, servedModel, type TestAppOptions } from "../../http/support.ts";
import { preset } from "../../prompts/support.ts";
import { cancelOnce, ERAS, endless, writing as writingApp } from "./support.ts";

const countChars: Embed = async ({ items }) => ({
  vectors: items.map((item) =>
    item.type === "pair"
      ? Float32Array.of(item.document.length)
      : Float32Array.of(item.type === "text" ? item.text.length : 0),
  ),
  tokens: items.length,
});

/** A client that is connected to an MCP server in front of an app. */
async function connect(options: TestAppOptions, mode: (typeof ERAS)[number] = "auto") {
  const gateway = await listen(createTestApp(options).app);
  const defects: unknown[] = [];
  const door = createGatewayClient(gateway.url, {}, new AbortController().signal, { usesCache: true });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const serving = serveStdio(() => createMcpServer({ door, onDefect: (error) => defects.push(error) }), {
    transport: ours,
  });
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  await client.connect(theirs);
  return {
    client,
    defects,
    async call(name: string, args: Record<string, unknown>) {
      const { content, isError = false, structuredContent } = await client.callTool({ name, arguments: args });
      const texts = content.flatMap((each) => (each.type === "text" ? [each.text] : []));
      return { text: texts.join("\n"), isError, structuredContent };
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await serving.close();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

const writing = (texts: readonly string[]) => writingApp(texts, countChars);

describe.each(ERAS)("an MCP client (%s)", (mode) => {
  it("finds the tools for which there is a model, with their bounds", async () => {
    await using mcp = await connect(writing([]), mode);
    const { tools } = await mcp.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["generate", "classify", "embed"]);
    expect(tools[0]).toMatchObject({
      inputSchema: {
        type: "object",
        required: ["prompt"],
        properties: { max_tokens: { type: "integer", minimum: 1 } },
      },
      annotations: { readOnlyHint: true },
    });
  });

  it("has a prompt answered, with the fields that it set and no others", async () => {
    const app = writing(["Hel", "lo"]);
    await using mcp = await connect(app, mode);
    const args = { prompt: "Hi", system: "Be kind.", max_tokens: 9, temperature: 0.5, seed: 3 };
    expect(await mcp.call("generate", args)).toEqual({ text: "Hello", isError: false, structuredContent: undefined });
    expect(app.asked[0]).toMatchObject({
      prompt: {
        messages: [
          { role: "system", content: "Be kind." },
          { role: "user", content: "Hi" },
        ],
      },
      maxTokens: 9,
    });
  });

  it("hears how far an answer is", async () => {
    await using mcp = await connect(writing(["Hello"]), mode);
    const heard: unknown[] = [];
    const options = { onprogress: (progress: unknown) => heard.push(progress) };
    await mcp.client.callTool({ name: "generate", arguments: { prompt: "Hi" } }, options);
    expect(heard[0]).toMatchObject({ progress: expect.any(Number), message: "waiting for the first word" });
  });

  it("ends the generation when it cancels the call", async () => {
    const app = endless();
    await using mcp = await connect(app, mode);
    await cancelOnce(app.begun, mcp.client);
    const signal = await app.begun;
    await expect.poll(() => signal.aborted).toBe(true);
  });

  it("reads in the tool's answer what is wrong, in the gateway's words", async () => {
    await using mcp = await connect(writing(["x"]), mode);
    const wrong = await mcp.call("generate", { prompt: "Hi", model: "nope" });
    expect(wrong).toMatchObject({ isError: true, text: expect.stringContaining("`nope`") });
    expect(await mcp.call("generate", {})).toMatchObject({ isError: true, text: expect.stringContaining("'prompt'") });
    expect(await mcp.call("generate", { prompt: "Hi", unheard: 1 })).toMatchObject({
      ...{ isError: true, text: expect.stringContaining("unheard") },
    });
    expect(mcp.defects).toEqual([]);
    await expect(mcp.client.callTool({ name: "nope", arguments: {} })).rejects.toThrow('There is no tool "nope".');
  });
});

describe("the tool generate", () => {
  it("returns an object beside the text if a schema asks for one", async () => {
    await using mcp = await connect(writing(['{"a":1}']));
    const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };
    expect(await mcp.call("generate", { prompt: "Hi", schema })).toMatchObject({
      ...{ text: '{"a":1}', structuredContent: { a: 1 } },
    });
  });

  it("says that an answer was cut off", async () => {
    const generate = script([
      { type: "started", promptTokens: 1, cachedTokens: 0 },
      { type: "text", choice: 0, text: "One" },
      { type: "finished", choice: 0, reason: "length", completionTokens: 1 },
    ]);
    await using mcp = await connect({ models: [servedModel(generate)] });
    expect((await mcp.call("generate", { prompt: "Hi", max_tokens: 1 })).text).toBe(
      "One\n(The answer was cut off at its maximum length.)",
    );
  });

  it("refuses a schema that is nested without end, and goes on", async () => {
    let schema: Record<string, unknown> = { type: "string" };
    for (let depth = 0; depth < 5_000; depth += 1) schema = { type: "object", properties: { a: schema } };
    await using mcp = await connect(writing(["x"]));
    expect(await mcp.call("generate", { prompt: "Hi", schema })).toMatchObject({ isError: true });
    expect(await mcp.call("generate", { prompt: "Hi" })).toMatchObject({ isError: false });
  });
});

describe("the tool classify", () => {
  it("allows the labels and nothing else", async () => {
    const app = writing(["good"]);
    await using mcp = await connect(app);
    expect(await mcp.call("classify", { text: "Fine.", labels: ["good", "bad"] })).toEqual({
      ...{ text: "good", isError: false, structuredContent: { label: "good" } },
    });
    expect(app.asked[0]?.output).toBeDefined();
  });

  it("tells how probable each label is, and chooses the most probable", async () => {
    const logprobs: Readonly<Record<string, number>> = { good: -1, bad: -2, so: -1.5 };
    const generate = script(async function* ({ output }) {
      const label = Object.keys(logprobs).find((each) => JSON.stringify(output).includes(each)) ?? "";
      const scored = { token: 1, bytes: [...Buffer.from(label)], logprob: logprobs[label] ?? 0, top: [] };
      yield { type: "started", promptTokens: 1, cachedTokens: 0 };
      yield { type: "text", choice: 0, text: label, logprobs: [scored] };
      yield { type: "finished", choice: 0, reason: "stop", completionTokens: 1 };
    });
    await using mcp = await connect({ models: [servedModel(generate)] });
    const { text, structuredContent } = await mcp.call("classify", {
      ...{ text: "Fine.", labels: ["bad", "good", "so"], probabilities: true },
    });
    expect(text).toBe("good");
    const parts = [Math.exp(-2), Math.exp(-1), Math.exp(-1.5)];
    const total = parts.reduce((sum, part) => sum + part, 0);
    expect(structuredContent).toMatchObject({
      label: "good",
      probabilities: {
        bad: expect.closeTo((parts[0] ?? 0) / total),
        good: expect.closeTo((parts[1] ?? 0) / total),
        so: expect.closeTo((parts[2] ?? 0) / total),
      },
    });
  });

  it.each([
    [["one"], "labels"],
    [["a", "a"], "each label may be there once"],
    [Array.from({ length: 257 }, (_, index) => `label ${index}`), "labels"],
  ])("refuses the labels %#", async (labels, words) => {
    await using mcp = await connect(writing([]));
    expect(await mcp.call("classify", { text: "x", labels })).toMatchObject({
      ...{ isError: true, text: expect.stringContaining(words) },
    });
  });
});

describe("the tools embed and rerank", () => {
  it("return vectors, and documents with the best first", async () => {
    const { can } = servedModel(script([]));
    const ranker = servedModel(script([]), { id: "ranker", embed: countChars, can: { ...can, reranking: true } });
    await using mcp = await connect({ models: [...writing([]).models, { ...ranker, aliases: [] }] });
    expect((await mcp.call("embed", { texts: ["a", "bb"] })).structuredContent).toMatchObject({ vectors: [[1], [1]] });
    const ranked = await mcp.call("rerank", { query: "q", documents: ["a", "long\nmore"], top: 1 });
    expect(ranked.structuredContent).toMatchObject({ model: "ranker", results: [{ index: 1 }] });
    expect(ranked.text).toMatch(/^\d\.\d{4} \[1\] long$/);
  });
});

describe("presets", () => {
  const translate = preset(
    'system: Translate to {{language}}.\ntemplate: "Text: {{input}}"\nvariables:\n  language: { type: string, default: French }\n',
    "translate",
  );

  it("are prompts, whose arguments are their variables", async () => {
    await using mcp = await connect({ ...writing([]), presets: [translate] });
    const { prompts } = await mcp.client.listPrompts();
    expect(prompts).toEqual([
      {
        name: "translate",
        description: "A test.",
        arguments: [
          { name: "input", description: expect.any(String), required: true },
          { name: "language", description: expect.any(String), required: false },
        ],
      },
    ]);
    const { messages } = await mcp.client.getPrompt({
      ...{ name: "translate", arguments: { input: "One", language: "Latin" } },
    });
    expect(messages).toEqual([
      { role: "user", content: { type: "text", text: "Translate to Latin." } },
      { role: "user", content: { type: "text", text: "Text: One" } },
    ]);
  });

  it("say what they lack", async () => {
    await using mcp = await connect({ ...writing([]), presets: [translate] });
    await expect(mcp.client.getPrompt({ name: "translate", arguments: {} })).rejects.toThrow(
      "needs the user's message",
    );
    await expect(mcp.client.getPrompt({ name: "nope", arguments: {} })).rejects.toThrow("nope");
  });
});

describe("the models", () => {
  it("are a resource", async () => {
    await using mcp = await connect(writing([]));
    const { resources } = await mcp.client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(["sluice://models"]);
    const { contents } = await mcp.client.readResource({ uri: "sluice://models" });
    expect(contents).toMatchObject([{ mimeType: "application/json", text: expect.stringContaining("smollm2") }]);
    await expect(mcp.client.readResource({ uri: "sluice://other" })).rejects.toThrow("sluice://models");
  });
});
