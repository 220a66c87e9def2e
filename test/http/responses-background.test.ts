import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, vi } from "vitest";
import { ContextLengthExceededError, EngineCrashedError, OverloadedError } from "../../src/generation/errors.ts";
import { error } from "../../src/protocols/openai-responses.ts";
import { openState, temporaryFolder } from "../store/support.ts";
import { fetchResponse, parseEvents, RESPONSES, respond, responseOf } from "./responses-support.ts";
import { answerWith, createTestApp, loopTurn, script, servedModel } from "./support.ts";

/** An engine that says "one", waits to be let go, and says "two"; it ends when its request is cancelled. */
function gatedApp(
  options: Parameters<typeof createTestApp>[0] = {},
  overrides: Parameters<typeof servedModel>[1] = {},
) {
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const generate = script(async function* ({ signal }) {
    const [started, one, ...rest] = answerWith(["one", "two"]);
    try {
      if (started !== undefined && one !== undefined) yield* [started, one];
      reached.resolve();
      signal.addEventListener("abort", () => gate.resolve());
      await gate.promise;
      yield* rest;
    } finally {
      ended.resolve();
    }
  });
  const { app, runs } = createTestApp({ ...options, models: [servedModel(generate, overrides)] });
  return { app, open: gate.resolve, reached: reached.promise, ended: ended.promise, runs };
}

/** What follows the response until it has ended, so that its end need not be polled for. */
const follow = async (app: ReturnType<typeof gatedApp>["app"], id: string, query = "") =>
  (await app.request(`${RESPONSES}/${id}?stream=true${query}`)).text();

const firstId = (frames: string | undefined) => /resp_[0-9a-f]{48}/.exec(frames ?? "")?.[0] ?? "";

const BACKGROUND = { background: true };

describe("a response in the background", () => {
  it("is answered at once, runs on by itself, and can be fetched", async () => {
    const { app, open, reached, runs } = gatedApp();
    const queued = await responseOf(app, BACKGROUND);
    expect(queued).toMatchObject({ status: "queued", background: true, output: [], usage: null });
    await reached;
    expect(await fetchResponse(app, queued.id)).toMatchObject({
      status: "in_progress",
      output: [{ status: "in_progress" }],
    });
    open();
    await runs.settled();
    expect(await fetchResponse(app, queued.id)).toMatchObject({
      status: "completed",
      output: [{ content: [{ text: "onetwo" }] }],
      usage: { total_tokens: 15 },
    });
  });

  it.each([
    ["the server has too much to do", new OverloadedError("Full.", 2_000), 503, "server_overloaded"],
    ["its prompt is too long", new ContextLengthExceededError(9_000, 4_096), 400, "context_length_exceeded"],
  ])("is refused at once when %s", async (_, failure, status, code) => {
    const { app } = createTestApp({
      generate: script(async function* () {
        yield* [];
        throw failure;
      }),
    });
    const refused = await respond(app, BACKGROUND);
    expect(refused.status).toBe(status);
    expect(refused.headers.get("retry-after")).toBe(status === 503 ? "2" : null);
    expect(error.parse(await refused.json()).error.code).toBe(code);
  });

  it("is refused at once when only the engine detects that its prompt is too long, even while it waits for its turn", async () => {
    const left = Promise.withResolvers<void>();
    const price = script(async function* () {
      yield* [];
      throw new ContextLengthExceededError(9_000, 4_096);
    });
    const generate = script(async function* ({ signal }) {
      yield* [];
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      left.resolve();
    });
    const { app, runs } = createTestApp({ models: [servedModel(generate, { price })] });
    const refused = await respond(app, BACKGROUND);
    expect(refused.status).toBe(400);
    expect(error.parse(await refused.json()).error).toMatchObject({ param: "input", code: "context_length_exceeded" });
    await left.promise;
    await runs.settled();
  });

  it("is accepted when the engine can't check its prompt yet", async () => {
    const price = script(async function* () {
      yield* [];
      throw new OverloadedError("Too many questions.", 2_000);
    });
    const { app, open, reached, runs } = gatedApp({}, { price });
    const { status } = await responseOf(app, BACKGROUND);
    expect(status).toBe("queued");
    await reached;
    open();
    await runs.settled();
  });

  it("can't be continued before it has ended", async () => {
    const { app, reached } = gatedApp();
    const { id } = await responseOf(app, BACKGROUND);
    await reached;
    const answer = await respond(app, { previous_response_id: id });
    expect(error.parse(await answer.json()).error.code).toBe("previous_response_in_progress");
  });

  it("is cancelled, also twice, and its engine let go", async () => {
    const { app, reached, ended } = gatedApp();
    const { id } = await responseOf(app, BACKGROUND);
    await reached;
    for (let time = 0; time < 2; time++) {
      const answer = await app.request(`${RESPONSES}/${id}/cancel`, { method: "POST" });
      expect(await answer.json()).toMatchObject({ id, status: "cancelled" });
    }
    await ended;
    expect(await fetchResponse(app, id)).toMatchObject({
      status: "cancelled",
      output: [{ content: [{ text: "one" }] }],
    });
  });

  it("is shown in its final state even when that could not be stored", async () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const { app, reached, runs } = gatedApp({ state });
    const { id } = await responseOf(app, BACKGROUND);
    await reached;
    const other = new DatabaseSync(folder.file);
    other.exec("BEGIN IMMEDIATE");
    expect((await app.request(`${RESPONSES}/${id}/cancel`, { method: "POST" })).status).toBe(503);
    await runs.settled();
    expect(await fetchResponse(app, id)).toMatchObject({ status: "cancelled" });
    other.close();
    state.close();
  });

  it("stops its generation when it is deleted", async () => {
    const { app, reached, ended } = gatedApp();
    const { id } = await responseOf(app, BACKGROUND);
    await reached;
    expect((await app.request(`${RESPONSES}/${id}`, { method: "DELETE" })).status).toBe(200);
    await ended;
    expect((await app.request(`${RESPONSES}/${id}`)).status).toBe(404);
  });

  it("streams, continues when its client leaves, and can be followed from any event on", async () => {
    const { app, open, reached } = gatedApp();
    const answer = await respond(app, { ...BACKGROUND, stream: true });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    const id = firstId((await reader?.read())?.value);
    await reached;
    await reader?.cancel();

    const followed = follow(app, id);
    open();
    const events = parseEvents(await followed);
    expect(events.map(({ type }) => type).slice(0, 3)).toEqual([
      "response.created",
      "response.queued",
      "response.in_progress",
    ]);
    expect(events.at(-1)).toMatchObject({ type: "response.completed", response: { status: "completed" } });
    // It has ended now, so this comes from the store.
    expect(parseEvents(await follow(app, id))).toEqual(events);
    expect(parseEvents(await follow(app, id, "&starting_after=2"), 3)).toEqual(events.slice(3));
  });

  it("sends its followers a heartbeat event after every ten seconds without another event", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const { app, open, reached } = gatedApp();
      const answer = await respond(app, { ...BACKGROUND, stream: true });
      await reached;
      await vi.advanceTimersByTimeAsync(21_000);
      open();
      const types = parseEvents(await answer.text()).map(({ type }) => type);
      expect(
        types.slice(types.indexOf("response.output_text.delta"), types.lastIndexOf("response.output_text.delta")),
      ).toEqual(["response.output_text.delta", "response.in_progress", "response.in_progress"]);
      expect(types.at(-1)).toBe("response.completed");
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("reports its cancellation to its followers", async () => {
    const { app, reached } = gatedApp();
    const answer = await respond(app, { ...BACKGROUND, stream: true });
    const [body, copy] = answer.body?.tee() ?? [];
    const id = firstId((await body?.pipeThrough(new TextDecoderStream()).getReader().read())?.value);
    await reached;
    await app.request(`${RESPONSES}/${id}/cancel`, { method: "POST" });
    const events = parseEvents(await new Response(copy).text());
    expect(events.at(-1)).toMatchObject({ type: "error", code: "response_cancelled" });
    expect(parseEvents(await follow(app, id))).toEqual(events);
  });

  it("can't be streamed later when it was not created with a stream", async () => {
    const { app } = createTestApp();
    const { id } = await responseOf(app);
    const answer = await app.request(`${RESPONSES}/${id}?stream=true`);
    expect(answer.status).toBe(400);
    expect(error.parse(await answer.json()).error.message).toContain("can't be streamed");
  });

  it.each([
    [{}, "Cannot cancel a synchronous response."],
    [BACKGROUND, "Cannot cancel a completed response."],
  ])("that was created with %j and has ended can't be cancelled", async (fields, message) => {
    const { app, runs } = createTestApp();
    const { id } = await responseOf(app, fields);
    await runs.settled();
    const answer = await app.request(`${RESPONSES}/${id}/cancel`, { method: "POST" });
    expect(answer.status).toBe(400);
    expect(error.parse(await answer.json()).error.message).toBe(message);
  });

  it("is marked as failed when the engine fails, and the log has it", async () => {
    const { app, log, runs } = createTestApp({
      generate: script(async function* () {
        yield* answerWith(["Hel"]).slice(0, -1);
        throw new EngineCrashedError(3);
      }),
    });
    const { id } = await responseOf(app, BACKGROUND);
    await runs.settled();
    expect(await fetchResponse(app, id)).toMatchObject({ status: "failed", error: { code: "server_error" } });
    await loopTurn();
    expect(log).toContainEqual(expect.objectContaining({ responseId: id, error: "engine_crashed" }));
  });

  it("is marked as failed after a restart in its midst", async () => {
    using folder = temporaryFolder();
    const before = openState({ file: folder.file });
    const { app, reached } = gatedApp({ state: before });
    const { id } = await responseOf(app, BACKGROUND);
    await reached;
    before.close();

    const after = openState({ file: folder.file });
    expect(await fetchResponse(createTestApp({ state: after }).app, id)).toMatchObject({
      status: "failed",
      error: { code: "server_error", message: expect.stringContaining("stopped") },
    });
    after.close();
  });
});
