import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { ContextLengthExceededError, EngineCrashedError } from "../../src/generation/errors.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { error } from "../../src/protocols/openai-responses.ts";
import { modelText } from "../fixtures/generation.ts";
import { itemList } from "../fixtures/openai/responses.ts";
import { openState, temporaryFolder } from "../store/support.ts";
import { bodyOf, fetchResponse, jsonInit, parseEvents, RESPONSES, respond, responseOf } from "./responses-support.ts";
import { answerWith, createTestApp, MODEL_ID, script, servedModel } from "./support.ts";

/** An engine that says what number its request is, and remembers the requests. */
function countingApp(options: Parameters<typeof createTestApp>[0] = {}) {
  const seen: GenerationRequest[] = [];
  const { app } = createTestApp({
    ...options,
    generate: script(async function* (request) {
      seen.push(request);
      yield* answerWith([`answer ${seen.length}`]);
    }),
  });
  return { app, seen };
}

const messagesOf = (request: GenerationRequest | undefined) =>
  request?.prompt.type === "chat" ? request.prompt.messages : [];

describe("POST /v1/responses", () => {
  it("answers whole", async () => {
    const { app } = createTestApp();
    expect(await responseOf(app)).toMatchObject({
      model: MODEL_ID,
      status: "completed",
      output: [{ content: [{ text: "Hello there!" }] }],
      usage: { input_tokens: 12, output_tokens: 4, total_tokens: 16 },
    });
  });

  it("streams the same, event by event", async () => {
    const { app } = createTestApp();
    const answer = await respond(app, { stream: true });
    expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const events = parseEvents(await answer.text());
    const deltas = events.map((event) => (event.type === "response.output_text.delta" ? event.delta : ""));
    expect(deltas.join("")).toBe("Hello there!");
    const last = events.at(-1);
    expect(last).toMatchObject({ type: "response.completed", response: { status: "completed" } });
    expect(last?.type === "response.completed" && (await fetchResponse(app, last.response.id))).toEqual(
      last?.type === "response.completed" && last.response,
    );
  });

  it("continues an earlier response", async () => {
    const { app, seen } = countingApp();
    const first = await responseOf(app, { instructions: "Only now." });
    const second = await responseOf(app, { input: "And?", previous_response_id: first.id });
    await responseOf(app, { input: "So?", previous_response_id: second.id });
    expect(second.previous_response_id).toBe(first.id);
    expect(messagesOf(seen[0])[0]).toEqual({ role: "system", content: "Only now." });
    expect(messagesOf(seen[2]).map(({ role, content }) => `${role}: ${content}`)).toEqual([
      "user: Hi",
      "assistant: answer 1",
      "user: And?",
      "assistant: answer 2",
      "user: So?",
    ]);
  });

  it("stores nothing of a response with store set to false", async () => {
    const { app } = createTestApp();
    const { id, store } = await responseOf(app, { store: false });
    expect(store).toBe(false);
    expect((await app.request(`${RESPONSES}/${id}`)).status).toBe(404);
    const answer = await respond(app, { previous_response_id: id });
    expect(answer.status).toBe(400);
    expect(error.parse(await answer.json()).error).toEqual({
      message: `Previous response with id '${id}' not found.`,
      type: "invalid_request_error",
      param: "previous_response_id",
      code: "previous_response_not_found",
    });
  });

  it("accepts items by reference, and names a missing one", async () => {
    const { app, seen } = countingApp();
    const first = await responseOf(app);
    await responseOf(app, {
      input: [
        { type: "item_reference", id: first.output[0]?.id },
        { role: "user", content: "And?" },
      ],
    });
    expect(messagesOf(seen[1]).map(({ content }) => content)).toEqual(["answer 1", "And?"]);
    const answer = await respond(app, { input: [{ type: "item_reference", id: "msg_none" }] });
    expect(answer.status).toBe(404);
    expect(error.parse(await answer.json()).error.message).toContain("Item with id 'msg_none' not found.");
  });

  it("refuses an item that is there already", async () => {
    const { app } = createTestApp();
    const first = await responseOf(app);
    const answer = await respond(app, { previous_response_id: first.id, input: first.output });
    expect(answer.status).toBe(400);
    expect(error.parse(await answer.json()).error.message).toContain(
      `Duplicate item found with id ${first.output[0]?.id}`,
    );
  });

  it("makes calls, and accepts their results", async () => {
    const seen: GenerationRequest[] = [];
    const { app } = createTestApp({
      generate: script(async function* (request) {
        seen.push(request);
        yield { type: "started", promptTokens: 3, cachedTokens: 0 };
        yield { type: "toolCall", choice: 0, index: 0, id: "call_1", name: "add" };
        yield { type: "toolArguments", choice: 0, index: 0, text: '{"a":1}' };
        yield { type: "finished", choice: 0, reason: "tool_calls", completionTokens: 5 };
      }),
    });
    const tools = [{ type: "function", name: "add", parameters: { type: "object" } }];
    const first = await responseOf(app, { tools, tool_choice: "required" });
    expect(first.output).toMatchObject([{ type: "function_call", call_id: "call_1", arguments: '{"a":1}' }]);
    expect(seen[0]?.tools).toMatchObject({ choice: "required", tools: [{ name: "add" }] });

    const unanswered = await respond(app, { previous_response_id: first.id });
    expect(error.parse(await unanswered.json()).error.message).toBe("No tool output found for function call call_1.");
    const input = [{ type: "function_call_output", call_id: "call_1", output: "1" }];
    await responseOf(app, { previous_response_id: first.id, input, tools });
    expect(messagesOf(seen[1]).at(-1)).toEqual({ role: "tool", content: "1", toolCallId: "call_1" });
  });

  it("drops the oldest items if allowed and necessary, and names the input's length if not", async () => {
    const seen: number[] = [];
    const { app } = createTestApp({
      generate: script(async function* (request) {
        const count = messagesOf(request).length;
        seen.push(count);
        if (count > 3) throw new ContextLengthExceededError(count * 10, 30);
        yield* answerWith(["ok"]);
      }),
    });
    const input = Array.from({ length: 8 }, (_, index) => ({ role: "user", content: `message ${index}` }));
    const refused = await respond(app, { input });
    expect(refused.status).toBe(400);
    expect(error.parse(await refused.json()).error).toMatchObject({
      param: "input",
      code: "context_length_exceeded",
      message: expect.stringMatching(
        /maximum context length is 30 tokens. However, your messages resulted in 80 tokens, .*'truncation' to 'auto'/,
      ),
    });
    seen.length = 0;
    const answer = await responseOf(app, { input, instructions: "i", truncation: "auto" });
    expect(answer.status).toBe("completed");
    expect(seen[0]).toBe(9);
    expect(seen.at(-1)).toBeLessThanOrEqual(3);
    const { data } = itemList.parse(await bodyOf(app.request(`${RESPONSES}/${answer.id}/input_items?limit=100`)));
    expect(data).toHaveLength(8);
  });

  it("reports a failure in mid-stream with an error and response.failed", async () => {
    const { app } = createTestApp({
      generate: script(async function* () {
        yield* answerWith(["Hel"]).slice(0, -1);
        throw new EngineCrashedError(3);
      }),
    });
    const events = parseEvents(await (await respond(app, { stream: true })).text());
    expect(events.slice(-2)).toMatchObject([
      { type: "error", code: "engine_crashed" },
      { type: "response.failed", response: { status: "failed", error: { code: "server_error" } } },
    ]);
  });

  it("gives a failure before the first event the error's status", async () => {
    const { app } = createTestApp({
      generate: script(async function* () {
        yield* [];
        throw new EngineCrashedError(3);
      }),
    });
    for (const stream of [true, false]) {
      expect((await respond(app, { stream })).status).toBe(500);
    }
  });

  it("is a 503 with the reason when it can't be stored, and works without storing", async () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const { app } = createTestApp({ state });
    await responseOf(app);
    const other = new DatabaseSync(folder.file);
    other.exec("BEGIN IMMEDIATE");
    for (const stream of [false, true]) {
      const answer = await respond(app, { stream });
      expect(answer.status).toBe(503);
      expect(error.parse(await answer.json()).error).toMatchObject({ type: "server_error", code: "state_unavailable" });
    }
    expect((await responseOf(app, { store: false })).status).toBe("completed");
    other.close();
    state.close();
  });

  it("ends its stream as failed when it can't be stored at its end", async () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    await responseOf(createTestApp({ state }).app);
    const other = new DatabaseSync(folder.file);
    const generate = script(async function* () {
      other.exec("BEGIN IMMEDIATE");
      yield* answerWith(["Hello"]);
    });
    const { app } = createTestApp({ state, generate });
    const events = parseEvents(await (await respond(app, { stream: true })).text());
    expect(events.at(-1)).toMatchObject({ type: "response.failed" });
    expect(JSON.stringify(events)).not.toContain(folder.path);
    other.close();
    state.close();
  });

  it("counts the tokens of an input without answering it", async () => {
    const measured: string[][] = [];
    const text = {
      ...modelText,
      countTokens: async (_prompt: unknown, tools: readonly { readonly name: string }[] = []) => {
        measured.push(tools.map(({ name }) => name));
        return 9 + tools.length;
      },
    };
    const generate = script(() => {
      throw new Error("nothing is to be generated");
    });
    const { app } = createTestApp({ models: [servedModel(generate, { text })] });
    const count = (fields = {}) =>
      bodyOf(app.request(`${RESPONSES}/input_tokens`, jsonInit({ model: MODEL_ID, input: "Hi", ...fields })));
    expect(await count()).toEqual({ object: "response.input_tokens", input_tokens: 9 });
    const tools = [{ type: "function", name: "add" }];
    expect(await count({ tools })).toEqual({ object: "response.input_tokens", input_tokens: 10 });
    expect(measured).toEqual([[], ["add"]]);
  });
});

describe("a stored response", () => {
  it("is shown, and is gone after it is deleted", async () => {
    const { app } = createTestApp();
    const created = await responseOf(app, { metadata: { topic: "sea" } });
    expect(await fetchResponse(app, created.id)).toEqual(created);
    const gone = await app.request(`${RESPONSES}/${created.id}`, { method: "DELETE" });
    expect(await gone.json()).toEqual({ id: created.id, object: "response", deleted: true });
    const answer = await app.request(`${RESPONSES}/${created.id}`);
    expect(answer.status).toBe(404);
    expect(error.parse(await answer.json()).error).toEqual({
      message: `Response with id '${created.id}' not found.`,
      type: "invalid_request_error",
      param: null,
      code: null,
    });
  });

  it("lists its input in pages, including earlier turns", async () => {
    const { app } = createTestApp();
    const first = await responseOf(app, { input: "One" });
    const second = await responseOf(app, { input: "Two", previous_response_id: first.id });
    const list = async (query: string) =>
      itemList.parse(await bodyOf(app.request(`${RESPONSES}/${second.id}/input_items${query}`)));
    const newest = await list("?limit=2");
    expect(newest).toMatchObject({ data: [{ content: [{ text: "Two" }] }, { role: "assistant" }], has_more: true });
    expect(newest.last_id).toBe(newest.data[1]?.id);
    const rest = await list(`?after=${newest.last_id}`);
    expect(rest).toMatchObject({ data: [{ content: [{ text: "One" }] }], has_more: false });
    expect((await list("?order=asc")).data[0]).toMatchObject({ content: [{ text: "One" }] });
  });

  it.each([
    ["limit=0", "limit"],
    ["limit=101", "limit"],
    ["limit=many", "limit"],
    ["order=up", "order"],
    ["after=nobody", "after"],
  ])("has no page with %s", async (query, param) => {
    const { app } = createTestApp();
    const { id } = await responseOf(app);
    const answer = await app.request(`${RESPONSES}/${id}/input_items?${query}`);
    expect(answer.status).toBe(400);
    expect(error.parse(await answer.json()).error.param).toBe(param);
  });

  it("survives a restart, and can be continued", async () => {
    using folder = temporaryFolder();
    const before = openState({ file: folder.file });
    const first = await responseOf(createTestApp({ state: before }).app);
    before.close();

    const after = openState({ file: folder.file });
    const { app, seen } = countingApp({ state: after });
    expect(await fetchResponse(app, first.id)).toEqual(first);
    await responseOf(app, { input: "And?", previous_response_id: first.id });
    expect(messagesOf(seen[0]).map(({ content }) => content)).toEqual(["Hi", "Hello there!", "And?"]);
    after.close();
  });
});
