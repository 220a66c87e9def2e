import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Backend, BackendState, KeptBy } from "../../src/generation/backend.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { createAccess } from "../../src/keys/access.ts";
import { policySchema } from "../../src/keys/key.ts";
import { issueKey } from "../../src/keys/manage.ts";
import { ollamaChatAnswer, ollamaModel, ollamaRunning, ollamaTags } from "../../src/protocols/ollama/schema.ts";
import { LibraryError, type ModelLibrary } from "../../src/routing/library.ts";
import { createTestAccess } from "../keys/support.ts";
import { preset } from "../prompts/support.ts";
import { openState } from "../store/support.ts";
import {
  answerWith,
  createTestApp,
  jsonInit,
  loopTurn,
  MODEL_ID,
  script,
  servedModel,
  type TestAppOptions,
} from "./support.ts";

const errorBody = z.strictObject({ error: z.string() });
const user = { role: "user", content: "Hi" };

/** Asks, and tells what the engine was asked and what came back. */
async function ask(path: string, body: object, options: TestAppOptions = {}) {
  let request: GenerationRequest | undefined;
  const generate = script(async function* (got) {
    request = got;
    yield* answerWith(["Hello", " there"]);
  });
  const { app } = createTestApp({ generate, ...options });
  const response = await app.request(path, jsonInit({ model: MODEL_ID, ...body }));
  return { request, status: response.status, type: response.headers.get("content-type"), text: await response.text() };
}

async function refusalOf(path: string, body: object): Promise<string> {
  const { status, text } = await ask(path, body);
  expect(status).toBe(400);
  return errorBody.parse(JSON.parse(text)).error;
}

const messagesOf = (request: GenerationRequest | undefined) =>
  request?.prompt.type === "chat" ? request.prompt.messages : undefined;

describe("POST /api/chat", () => {
  it("streams lines of JSON by default", async () => {
    const streamed = await ask("/api/chat", { messages: [user] });
    expect(streamed.type).toBe("application/x-ndjson");
    expect(streamed.text.trimEnd().split("\n")).toHaveLength(3);
    const whole = await ask("/api/chat", { messages: [user], stream: false });
    expect(whole.type).toContain("application/json");
    expect(ollamaChatAnswer.parse(JSON.parse(whole.text))).toMatchObject({
      ...{ model: MODEL_ID, message: { role: "assistant", content: "Hello there" }, done: true, done_reason: "stop" },
    });
  });

  it("samples with Ollama's defaults", async () => {
    const { request } = await ask("/api/chat", { messages: [user] });
    expect(request).toMatchObject({ sampling: { temperature: 0.8, topK: 40, topP: 0.9 }, maxTokens: undefined });
    const warm = await ask("/api/chat", { messages: [user], options: { temperature: 1.5, top_k: 0 } });
    expect(warm.request?.sampling).toMatchObject({ temperature: 1.5, topK: 0, topP: 0.9 });
    const greedy = await ask("/api/chat", { messages: [user], options: { temperature: 0 } });
    expect(greedy.request?.sampling).toMatchObject({ temperature: 0, topK: 0, topP: 1 });
  });

  it("accepts the options for one answer, and ignores those for a model and unknown ones", async () => {
    const options = {
      ...{ num_predict: 7, seed: 3, stop: ["x", ""], repeat_penalty: 1.2, repeat_last_n: -1, min_p: 0.1 },
      ...{ presence_penalty: 0.5, frequency_penalty: 0.25, num_ctx: 99, num_gpu: 1, use_mmap: true, made_up: {} },
      ...{ typical_p: 1, mirostat: 0, tfs_z: null },
    };
    const { request } = await ask("/api/chat", { messages: [user], options, keep_alive: "5m", think: false });
    expect(request).toMatchObject({
      ...{ maxTokens: 7, stop: ["x"] },
      sampling: {
        seed: 3,
        repeatPenalty: 1.2,
        repeatLastTokens: -1,
        minP: 0.1,
        presencePenalty: 0.5,
        frequencyPenalty: 0.25,
      },
      prompt: { templateArguments: { enable_thinking: false } },
    });
  });

  it.each([-2, -1, 0])("treats %d tokens as no limit", async (num_predict) => {
    const { request } = await ask("/api/chat", { messages: [user], options: { num_predict } });
    expect(request?.maxTokens).toBeUndefined();
  });

  it("draws a seed for -1", async () => {
    const { request } = await ask("/api/chat", { messages: [user], options: { seed: -1 } });
    expect(request?.sampling.seed).toBeUndefined();
  });

  it.each([
    [{ options: { mirostat: 2 } }, "options.mirostat"],
    [{ options: { typical_p: 0.5 } }, "options.typical_p"],
    [{ options: { temperature: "warm" } }, "options.temperature"],
    [{ template: "{{ .Prompt }}" }, "template"],
    [{ think: "very" }, "think"],
    [{ messages: [{ ...user, images: ["aGk="] }] }, "messages[0].images"],
    [{ messages: [{ role: "narrator", content: "x" }] }, "narrator"],
  ])("refuses %j by its name", async (fields, name) => {
    expect(await refusalOf("/api/chat", { messages: [user], ...fields })).toContain(name);
  });

  it("notes images of earlier messages", async () => {
    const { request } = await ask("/api/chat", {
      messages: [{ role: "USER", content: "Look", images: ["aGk="] }, { role: "assistant", content: "A cat." }, user],
    });
    expect(messagesOf(request)?.[0]?.content).toBe("Look\n[image omitted: the model reads text only]");
  });

  it("holds the answer to a schema, or to JSON", async () => {
    const schema = { type: "object", properties: { a: { type: "integer" } } };
    expect((await ask("/api/chat", { messages: [user], format: schema })).request?.output).toMatchObject({
      ...{ type: "schema", schema },
    });
    expect((await ask("/api/chat", { messages: [user], format: "json" })).request?.output).toEqual({ type: "json" });
    expect((await ask("/api/chat", { messages: [user], format: "" })).request?.output).toBeUndefined();
  });

  it("links results of calls by id, by the function's name, or by their order", async () => {
    const calls = ["a", "b", "c"].map((name) => ({ function: { name, arguments: { n: 1 } } }));
    const { request } = await ask("/api/chat", {
      tools: [{ type: "function", function: { name: "a", parameters: { type: "object" } } }],
      messages: [
        user,
        {
          role: "assistant",
          content: "",
          thinking: "Hm.",
          tool_calls: [{ ...calls[0], id: "own" }, calls[1], calls[2]],
        },
        { role: "tool", content: "of c", tool_name: "c" },
        { role: "tool", content: "of a", tool_call_id: "own" },
        { role: "tool", content: "of b" },
        { role: "tool", content: "of nobody", tool_name: "d" },
        user,
      ],
    });
    const said = messagesOf(request) ?? [];
    const idOf = new Map(said[1]?.toolCalls?.map(({ name, id }) => [name, id]));
    expect(idOf.get("a")).toBe("own");
    expect(said[1]).toMatchObject({ reasoning: "Hm.", toolCalls: [{ arguments: '{"n":1}' }, {}, {}] });
    expect(said.slice(2, 5).map(({ toolCallId }) => toolCallId)).toEqual(["c", "a", "b"].map((name) => idOf.get(name)));
    expect(said[5]).toEqual({ role: "tool", content: "of nobody", name: "d" });
    expect(request?.tools?.tools).toHaveLength(1);
  });

  it("loads the model when there are no messages, and generates nothing", async () => {
    let loads = 0;
    const load = async () => void loads++;
    const { request, text } = await ask("/api/chat", {}, { models: [servedModel(script([]), { load })] });
    expect(ollamaChatAnswer.parse(JSON.parse(text))).toMatchObject({ done: true, done_reason: "load" });
    expect([loads, request]).toEqual([1, undefined]);
  });

  it.each([0, "0", "0s", "0m", "0.0h"])(
    "loads no model for a client that wants it unloaded: %j",
    async (keep_alive) => {
      let loads = 0;
      const load = async () => void loads++;
      for (const [state, done_reason] of [
        ["unloaded", "unload"],
        ["ready", "load"],
      ] as const) {
        const models = [servedModel(script([]), { load, state: () => state })];
        const { text } = await ask("/api/chat", { keep_alive }, { models });
        expect(ollamaChatAnswer.parse(JSON.parse(text))).toMatchObject({ done: true, done_reason });
      }
      expect(loads).toBe(0);
    },
  );

  it.each([1, -1, "0h5m", "10m"])("loads it for a request with keep_alive %j", async (keep_alive) => {
    let loads = 0;
    const models = [servedModel(script([]), { load: async () => void loads++, state: () => "unloaded" })];
    await ask("/api/chat", { keep_alive }, { models });
    expect(loads).toBe(1);
  });

  it.each([
    [10, 10_000],
    ["10m", 600_000],
    ["1h30m", 5_400_000],
    ["0.5s", 500],
    [-1, undefined],
    ["-1m", undefined],
    [0, 0],
  ])("has the model stay loaded for keep_alive %j once the request has its turn", async (keep_alive, ms) => {
    const kept: unknown[] = [];
    const admitted = script(async function* (request) {
      expect(kept).toEqual([]);
      request.observe?.({ type: "admitted", waitedMs: 0, position: 0 });
      yield* answerWith(["Hi"]);
    });
    const models = [servedModel(admitted, { keepLoaded: (given) => void kept.push(given) })];
    await ask("/api/chat", { messages: [user], keep_alive }, { models });
    expect(kept).toEqual([ms]);
  });

  it("unloads a model for keep_alive 0 without a prompt, and says so", async () => {
    let state: BackendState = "ready";
    const keepLoaded = (ms: number | undefined) => {
      if (ms === 0) state = "unloading";
    };
    const models = [servedModel(script([]), { keepLoaded, state: () => state })];
    const { text } = await ask("/api/generate", { keep_alive: 0 }, { models });
    expect(JSON.parse(text)).toMatchObject({ done: true, done_reason: "unload" });
  });

  it("says how long a model stays for the key that asks, and for all only with an admin's key", async () => {
    const state = openState();
    const access = createAccess({ config: { keysFile: "", apiKey: "" }, state, logger: pino({ level: "silent" }) });
    const kept: unknown[] = [];
    const keepLoaded = (ms: number | undefined, by: KeptBy) => void kept.push([ms, by]);
    const { app } = createTestApp({ state, access, models: [servedModel(script([]), { keepLoaded })] });
    for (const name of ["alice", "root"]) {
      const policy = policySchema.parse({ admin: name === "root" });
      const { record, secret } = issueKey(state.keys, { name, expiresMs: undefined, policy }, 0);
      const init = jsonInit({ keep_alive: 0, model: MODEL_ID });
      await app.request("/api/generate", {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${secret}` },
      });
      expect(kept.at(-1)).toEqual([0, { tenant: record.id, isForAll: name === "root" }]);
    }
  });

  it.each(["soon", "5 minutes", "m"])("refuses keep_alive %j and says what it may be", async (keep_alive) => {
    const { status, text } = await ask("/api/chat", { messages: [user], keep_alive });
    expect([status, errorBody.parse(JSON.parse(text)).error]).toEqual([400, expect.stringContaining("'keep_alive'")]);
  });

  it("tells of loaded models what memory they take and when they are unloaded", async () => {
    const residence = () => ({ memoryBytes: 600_000_000, unloadInMs: 60_000 });
    const models = [servedModel(script([]), { residence }), servedModel(script([]), { id: "stays", aliases: [] })];
    const { app } = createTestApp({ models });
    const before = Date.now();
    const { models: running } = ollamaRunning.parse(await (await app.request("/api/ps")).json());
    expect(running.map(({ size }) => size)).toEqual([600_000_000, 98_362_432]);
    const [first = "", second = ""] = running.map(({ expires_at }) => expires_at);
    expect(Date.parse(first) - before).toBeGreaterThanOrEqual(60_000);
    expect(Date.parse(first) - before).toBeLessThan(120_000);
    expect(second).toContain("2318");
  });

  it("reports an unknown model in Ollama's form", async () => {
    const { status, text } = await ask("/api/chat", { model: "llama3:8b", messages: [user] });
    expect(status).toBe(404);
    expect(errorBody.parse(JSON.parse(text)).error).toContain("llama3:8b");
  });
});

describe("POST /api/generate", () => {
  it("answers a prompt as a message of the user's, after the system's", async () => {
    const { request, text } = await ask("/api/generate", { prompt: "Hi", system: "Be brief.", stream: false });
    expect(messagesOf(request)).toEqual([{ role: "system", content: "Be brief." }, user]);
    expect(JSON.parse(text)).toMatchObject({ response: "Hello there", done: true });
  });

  it("continues a raw prompt, and fills in the text before a suffix", async () => {
    expect((await ask("/api/generate", { prompt: "The sky", raw: true })).request?.prompt).toEqual({
      ...{ type: "text", text: "The sky" },
    });
    expect((await ask("/api/generate", { prompt: "a", suffix: "c" })).request?.prompt).toEqual({
      ...{ type: "infill", prefix: "a", suffix: "c" },
    });
  });

  it.each([
    [{ raw: true, system: "x" }, "system"],
    [{ images: ["aGk="] }, "images"],
    [{ context: [1, 2] }, "context"],
    [{ template: "x" }, "template"],
  ])("refuses %j by its name", async (fields, name) => {
    expect(await refusalOf("/api/generate", { prompt: "Hi", ...fields })).toContain(name);
  });

  it("loads the model when there is no prompt", async () => {
    const { text, request } = await ask("/api/generate", { keep_alive: 0, context: [] });
    expect(JSON.parse(text)).toMatchObject({ response: "", done: true, done_reason: "load" });
    expect(request).toBeUndefined();
  });
});

describe("Ollama's names of models", () => {
  const details: Backend["details"] = () => ({
    family: "llama",
    contextTokens: 2048,
    parameters: 134_515_008,
    sizeBytes: 9,
  });

  it("are tagged in lists, and found with or without the tag, in any letter case", async () => {
    const { app } = createTestApp({ models: [servedModel(script(answerWith(["Hi"])), { details })] });
    const { models } = ollamaTags.parse(await (await app.request("/api/tags")).json());
    expect(models).toMatchObject([{ name: `${MODEL_ID}:latest`, capabilities: ["completion", "tools"] }]);
    expect(ollamaRunning.parse(await (await app.request("/api/ps")).json()).models).toHaveLength(1);
    for (const name of [MODEL_ID, `${MODEL_ID}:latest`, MODEL_ID.toUpperCase(), "SmolLM2:LATEST"]) {
      const shown = ollamaModel.parse(await (await app.request("/api/show", jsonInit({ name }))).json());
      expect(shown.model_info).toMatchObject({ "general.architecture": "llama", "llama.context_length": 2048 });
      expect(shown.parameters).toMatch(/^num_ctx +2048$/);
      expect(shown.template).toContain(".Tools");
    }
    const response = await app.request(
      "/v1/chat/completions",
      jsonInit({ model: `${MODEL_ID}:latest`, messages: [user] }),
    );
    expect(response.status).toBe(200);
  });

  it("include presets, whose settings apply", async () => {
    const presets = [preset("system: Write a haiku.\nsampling: { temperature: 0.2 }", "haiku")];
    const { request, text } = await ask(
      "/api/generate",
      { model: "preset/haiku:latest", prompt: "Snow", options: { top_k: 5 }, stream: false },
      { presets },
    );
    expect(JSON.parse(text)).toMatchObject({ model: "preset/haiku" });
    const said = { presets: [preset("system: Write a haiku.", "haiku")] };
    const input = { model: "preset/haiku", variables: { input: "Snow" } };
    for (const [path, conversation] of [
      ["/api/generate", { prompt: "Snow" }],
      ["/api/chat", { messages: [user] }],
    ] as const) {
      expect((await ask(path, { ...input, ...conversation }, said)).text).toContain("Give it outside of 'variables'.");
      const asked = await ask(path, { model: "preset/haiku", ...conversation }, said);
      expect(messagesOf(asked.request)?.map(({ role }) => role)).toEqual(["system", "user"]);
      const loaded = await ask(path, { model: "preset/haiku" }, said);
      expect(JSON.parse(loaded.text)).toMatchObject({ model: "preset/haiku", done_reason: "load" });
    }
    expect(messagesOf(request)).toEqual([
      { role: "system", content: "Write a haiku." },
      { role: "user", content: "Snow" },
    ]);
    expect(request?.sampling).toMatchObject({ temperature: 0.2, topK: 5, topP: 0.9 });
    const { app } = createTestApp({ presets });
    const { models } = ollamaTags.parse(await (await app.request("/api/tags")).json());
    expect(models.map(({ name }) => name)).toContain("preset/haiku:latest");
    expect((await app.request("/api/show", jsonInit({ model: "preset/haiku:latest" }))).status).toBe(200);
  });

  it("need a key when there are keys", async () => {
    const { access } = await createTestAccess();
    const { app } = createTestApp({ access });
    const response = await app.request("/api/tags");
    expect(response.status).toBe(401);
    expect(errorBody.safeParse(await response.json()).success).toBe(true);
  });
});

describe("POST /api/pull and DELETE /api/delete", () => {
  const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
  const library: ModelLibrary = {
    async pull(name, { onProgress }) {
      if (name === "nobody") throw new LibraryError("unknown", "There is no model 'nobody'.");
      onProgress({ phase: "connecting", receivedBytes: 0 });
      onProgress({ phase: "downloading", receivedBytes: 5, totalBytes: 9 });
      await loopTurn();
      onProgress({ phase: "downloading", receivedBytes: 9, totalBytes: 9 });
      if (name === "broken") throw new LibraryError("failed", "No source gave it.");
      return { id: name, isNew: name === "new" };
    },
    list: async () => ({ entries: [], unusable: [], memory: { budgetBytes: 0, heldBytes: 0, pinnedBytes: 0 } }),
    async remove(name) {
      if (name !== "new") throw new LibraryError("refused", `${name} stays.`);
    },
  };
  const { app } = createTestApp({ library });
  const send = async (method: string, path: string, body: object) => {
    const response = await app.request(path, { ...jsonInit(body), method }, FROM_HERE);
    return { status: response.status, text: await response.text() };
  };

  it("report the progress and the result line by line", async () => {
    const { text } = await send("POST", "/api/pull", { model: "new" });
    const lines = text.trimEnd().split("\n");
    const told = lines.map((line) => z.object({ status: z.string() }).parse(JSON.parse(line)).status);
    expect(told.at(0)).toBe("pulling manifest");
    expect(told.at(-2)).toContain("--model");
    expect(told.at(-1)).toBe("success");
    expect(lines).toContain('{"status":"pulling new","digest":"new","total":9,"completed":9}');
    expect((await send("POST", "/api/pull", { name: "old", stream: false })).text).toBe('{"status":"success"}');
  });

  it("have a status for an immediate failure, and a last line for a later one", async () => {
    expect(await send("POST", "/api/pull", { model: "nobody" })).toEqual({
      ...{ status: 404, text: '{"error":"There is no model \'nobody\'."}' },
    });
    expect((await send("POST", "/api/pull", { model: "nobody", stream: false })).status).toBe(404);
    expect((await send("POST", "/api/pull", { model: "broken" })).text).toMatch(/{"error":"No source gave it."}\n$/);
    expect((await send("POST", "/api/pull", { model: "broken", stream: false })).status).toBe(503);
    expect((await send("POST", "/api/pull", {})).status).toBe(400);
  });

  it("stop without an error when the client leaves", async () => {
    const leaving = new AbortController();
    const waiting: ModelLibrary = {
      ...library,
      async pull(_, { signal }) {
        leaving.abort();
        await loopTurn();
        throw signal.reason;
      },
    };
    const { app: slow, log } = createTestApp({ library: waiting });
    const response = await slow.request("/api/pull", jsonInit({ model: "new" }, leaving.signal), FROM_HERE);
    expect(response.status).toBe(499);
    await loopTurn();
    expect(log.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("remove only removable models", async () => {
    expect((await send("DELETE", "/api/delete", { model: "new" })).status).toBe(200);
    expect(await send("DELETE", "/api/delete", { model: MODEL_ID })).toMatchObject({ status: 400 });
  });

  it("are for administrators", async () => {
    for (const [method, path] of [
      ["POST", "/api/pull"],
      ["DELETE", "/api/delete"],
    ] as const) {
      const response = await app.request(path, { ...jsonInit({ model: "new" }), method });
      expect(response.status).toBe(403);
      const page = { ...jsonInit({ model: "new" }), method, headers: { "content-type": "text/plain" } };
      expect((await app.request(path, page, FROM_HERE)).status).toBe(415);
    }
  });
});

describe("Ollama's embeddings", () => {
  const embed: NonNullable<Backend["embed"]> = async ({ items }) => ({
    vectors: items.map(() => Float32Array.of(3, 4)),
    tokens: 5,
  });
  const models = [servedModel(script([]), { embed })];

  it("are vectors of length 1, one for each input", async () => {
    const { text } = await ask("/api/embed", { input: ["a", "b"], truncate: true }, { models });
    const { embeddings, prompt_eval_count } = z
      .object({ embeddings: z.array(z.array(z.number())), prompt_eval_count: z.int() })
      .parse(JSON.parse(text));
    expect(embeddings).toEqual([
      [expect.closeTo(0.6), expect.closeTo(0.8)],
      [expect.closeTo(0.6), expect.closeTo(0.8)],
    ]);
    expect(prompt_eval_count).toBe(5);
  });

  it("are empty without input", async () => {
    expect(JSON.parse((await ask("/api/embed", { input: "" }, { models })).text)).toMatchObject({ embeddings: [] });
    expect(JSON.parse((await ask("/api/embeddings", { prompt: "" }, { models })).text)).toEqual({ embedding: [] });
    const { text } = await ask("/api/embeddings", { prompt: "x" }, { models });
    expect(JSON.parse(text)).toEqual({ embedding: [expect.closeTo(0.6), expect.closeTo(0.8)] });
  });
});

describe("a request of Open WebUI 0.12.4", () => {
  const time = {
    type: "function",
    function: {
      name: "get_time",
      description: "time",
      parameters: { type: "object", properties: { zone: { type: "string" } }, required: ["zone"] },
    },
  };
  const model = `${MODEL_ID}:latest`;

  it("is accepted in a chat with changed settings", async () => {
    const { request, text } = await ask("/api/chat", {
      ...{ model, messages: [user], stream: true, keep_alive: "10m", think: false },
      options: { temperature: 0.3, seed: 1, stop: ["ZZ"], num_ctx: 4096, num_predict: 12 },
    });
    expect(request).toMatchObject({ maxTokens: 12, stop: ["ZZ"], sampling: { temperature: 0.3, seed: 1 } });
    const last = JSON.parse(text.trimEnd().split("\n").at(-1) ?? "");
    // Its page shows speeds that it makes of these.
    for (const name of ["total_duration", "prompt_eval_duration", "eval_duration", "prompt_eval_count", "eval_count"]) {
      expect(last[name], name).toBeTypeOf("number");
    }
  });

  it("is accepted after a tool has answered", async () => {
    const { request } = await ask("/api/chat", {
      ...{ model, options: { num_predict: 10 }, stream: true, tools: [time] },
      messages: [
        user,
        {
          ...{ role: "assistant", content: "" },
          tool_calls: [{ index: 0, id: "call_1", function: { name: "get_time", arguments: { zone: "Rome" } } }],
        },
        { role: "tool", content: "12:00", tool_call_id: "call_1" },
      ],
    });
    expect(messagesOf(request)?.[2]).toMatchObject({ role: "tool", content: "12:00", toolCallId: "call_1" });
  });

  it("is understood with a format, and refused with a picture, in words that its page shows", async () => {
    const { parameters: format } = time.function;
    const { request } = await ask("/api/chat", { model, messages: [user], format, options: {}, stream: false });
    expect(request?.output).toMatchObject({ type: "schema" });
    const picture = { ...user, images: ["iVBORw0KGgo="] };
    expect(await refusalOf("/api/chat", { model, messages: [picture], options: {}, stream: false })).toContain("image");
  });

  it("is understood when it makes vectors of documents, and unloads a model", async () => {
    const embed: Backend["embed"] = async ({ items }) => ({ vectors: items.map(() => Float32Array.of(1)), tokens: 2 });
    const models = [servedModel(script([]), { embed })];
    const { text } = await ask("/api/embed", { input: ["a", "b"], model, truncate: true }, { models });
    expect(JSON.parse(text).embeddings).toHaveLength(2);
    const unloaded = await ask("/api/generate", { model, keep_alive: 0, prompt: "" });
    expect(unloaded).toMatchObject({ status: 200, request: undefined });
  });
});
