import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EngineCrashedError, OverloadedError, SupersededError } from "../../src/generation/errors.ts";
import { createTestApp, jsonInit, loopTurn, requestCutThrough, script } from "./support.ts";
import { createWaitingApp, eventsOf, PROTOCOLS, splitComments } from "./waiting-support.ts";

const [CHAT_COMPLETION] = PROTOCOLS;
const HELLO = "Hello";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
});

afterEach(async () => {
  // A connection that was broken off tells so by then.
  await loopTurn();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** A stream that is read bit by bit. */
function readerOf(response: Response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) throw new Error("There is no body.");
  return { next: async () => (await reader.read()).value, cancel: () => reader.cancel() };
}

/** What the events of a piece of a stream call themselves. */
function typesOf(piece: string | undefined): unknown[] {
  return eventsOf(piece ?? "").map((event) => Object(event).type ?? Object(event).object);
}

const WAYS = [
  { way: "a web stream", wayOf: undefined },
  { way: "cut-through", wayOf: requestCutThrough },
];

describe.each(PROTOCOLS.flatMap((protocol) => WAYS.map((way) => ({ ...protocol, ...way }))))(
  "a stream of $name that waits for its turn, by $way",
  ({ path, body, codeOf, overloaded, begins, goesOn, wayOf }) => {
    const stream = { ...body, stream: true };

    it("reports its position and its likely wait once a second, and then answers", async () => {
      const queue = createWaitingApp(undefined, wayOf);
      const { response } = await queue.send(path, stream);
      queue.wait(4, 3_000);
      await vi.advanceTimersByTimeAsync(400);
      queue.wait(3, 2_700.4);
      await vi.advanceTimersByTimeAsync(600);

      const { status, headers } = await response;
      expect(status).toBe(200);
      expect(headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
      expect(headers.get("sluice-queue-ms")).toBe("1000");
      expect(headers.get("sluice-queue-position")).toBe("3");
      const text = (await response).text();
      for (const position of [2, 1]) {
        queue.wait(position + 5, 90_000);
        queue.wait(position, 1_000 + position * 500);
        await vi.advanceTimersByTimeAsync(1_000);
      }
      await vi.advanceTimersByTimeAsync(3_000);
      queue.admit(6_000, 1);
      const { comments, rest } = splitComments(await text);
      expect(comments).toEqual([
        ": queued position=3 eta_ms=2100",
        ": queued position=2 eta_ms=1000",
        ": queued position=1 eta_ms=500",
      ]);
      expect(rest).toContain(HELLO);
      await loopTurn();
      expect(queue.log).toMatchObject([{ status: 200, queueMs: 6_000 }]);
    });

    it("has the error's status when it is refused within the first second", async () => {
      const queue = createWaitingApp(undefined, wayOf);
      const { response } = await queue.send(path, stream);
      queue.wait(9, 60_000);
      await vi.advanceTimersByTimeAsync(900);
      queue.refuse(new OverloadedError("It would take too long.", 5_000));
      const { status, headers } = await response;
      expect(status).toBe(overloaded.status);
      expect(headers.get("retry-after-ms")).toBe("5000");
      expect(headers.get("sluice-queue-ms")).toBe("900");
      expect(headers.get("sluice-queue-position")).toBe("9");
      await loopTurn();
      expect(queue.log).toMatchObject([{ queueMs: 900 }]);
    });

    it("ends with an error in the protocol's form when it is refused later", async () => {
      const queue = createWaitingApp(undefined, wayOf);
      const { response } = await queue.send(path, stream);
      queue.wait(9, 60_000);
      await vi.advanceTimersByTimeAsync(1_000);
      queue.refuse(new OverloadedError("It would take too long.", 5_000));
      const { comments, rest } = splitComments(await (await response).text());
      expect(comments).toEqual([": queued position=9 eta_ms=59000"]);
      const events = eventsOf(rest);
      expect(codeOf(events.at(-1))).toBe(overloaded.code);
      expect(rest).not.toContain("[DONE]");
      await loopTurn();
      expect(queue.log).toMatchObject([{ status: 200, error: "server_overloaded" }]);
    });

    it("sends no news of the queue when it has its turn within a second", async () => {
      const queue = createWaitingApp(undefined, wayOf);
      const { response } = await queue.send(path, stream);
      queue.wait(1, 500);
      await vi.advanceTimersByTimeAsync(700);
      queue.admit(700, 1);
      expect((await response).headers.get("sluice-queue-ms")).toBe("700");
      expect(splitComments(await (await response).text()).comments).toEqual([]);
    });

    it("begins at its first news of the wait, and then sends an event that clients count every 10 s", async () => {
      const queue = createWaitingApp(undefined, wayOf);
      const { response } = await queue.send(path, stream);
      queue.wait(2, 5_000);
      await vi.advanceTimersByTimeAsync(1_000);
      const reader = readerOf(await response);
      expect(typesOf(await reader.next())).toEqual(begins);
      for (const _ of [1, 2]) {
        const next = reader.next();
        await vi.advanceTimersByTimeAsync(9_000);
        queue.wait(1, 2_000);
        await vi.advanceTimersByTimeAsync(1_000);
        expect(typesOf(await next)).toEqual(goesOn);
      }
      queue.admit(21_000, 1);
      let rest = "";
      for (let piece = await reader.next(); piece !== undefined; piece = await reader.next()) rest += piece;
      // What it begins with comes once.
      expect(rest).toContain(HELLO);
      expect(rest).not.toContain("response.created");
      expect(rest).not.toContain('"role":"assistant","content":"",');
    });

    it("begins 3 s after it has had its turn, while its prompt is read", async () => {
      const queue = createWaitingApp(undefined, wayOf);
      const { response } = await queue.send(path, stream);
      queue.tell({ type: "admitted", waitedMs: 0, position: 0 });
      await vi.advanceTimersByTimeAsync(3_000);
      const reader = readerOf(await response);
      expect(typesOf(await reader.next())).toEqual(begins);
      const next = reader.next();
      await vi.advanceTimersByTimeAsync(10_000);
      expect(typesOf(await next)).toEqual(goesOn);
      await reader.cancel();
    });

    it("begins after 10 s of silence, whatever it is waiting for", async () => {
      const queue = createWaitingApp(undefined, wayOf);
      const { response } = await queue.send(path, stream);
      await vi.advanceTimersByTimeAsync(10_000);
      const reader = readerOf(await response);
      const first = await reader.next();
      expect(first?.startsWith(": keep-alive\n\n")).toBe(true);
      expect(typesOf(first)).toEqual(begins);
      await reader.cancel();
    });

    it("leaves the queue at once when its client leaves, with its head sent or not", async () => {
      const early = createWaitingApp(undefined, wayOf);
      const connection = new AbortController();
      const { response } = await early.send(path, stream, {}, connection.signal);
      early.wait(2, 5_000);
      connection.abort();
      await early.left;
      expect((await response).status).toBe(499);
      await loopTurn();
      expect(early.log).toMatchObject([{ clientGone: true }]);

      const late = createWaitingApp(undefined, wayOf);
      const { response: begun } = await late.send(path, stream);
      late.wait(2, 5_000);
      await vi.advanceTimersByTimeAsync(1_000);
      await (await begun).body?.cancel();
      await late.left;
      await loopTurn();
      expect(late.log).toMatchObject([{ status: 200, clientGone: true }]);
    });
  },
);

describe("a stream", () => {
  it("sends a heartbeat between two tokens, too, and none while tokens arrive", async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { app } = createTestApp({
      generate: script(async function* () {
        yield { type: "started", promptTokens: 1, cachedTokens: 0 };
        for (const { promise } of gates) {
          await promise;
          yield { type: "text", choice: 0, text: "token" };
        }
        yield { type: "finished", choice: 0, reason: "stop", completionTokens: 3 };
      }),
    });
    const response = await app.request(CHAT_COMPLETION.path, jsonInit({ ...CHAT_COMPLETION.body, stream: true }));
    const reader = readerOf(response);
    expect(await reader.next()).toContain('"role"');
    const first = reader.next();
    await vi.advanceTimersByTimeAsync(9_000);
    gates[0]?.resolve();
    expect(await first).toContain("token");
    const silence = reader.next();
    await vi.advanceTimersByTimeAsync(9_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(typesOf(await silence)).toEqual(["chat.completion.chunk"]);
    gates[1]?.resolve();
    expect(await reader.next()).toContain("token");
    await reader.cancel();
  });

  it("piles up no comments for a client that doesn't read", async () => {
    const queue = createWaitingApp();
    const { response } = await queue.send(CHAT_COMPLETION.path, { ...CHAT_COMPLETION.body, stream: true });
    for (let position = 9; position > 0; position -= 1) {
      queue.wait(position, 1_100);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    queue.admit(9_000, 1);
    const { comments, rest } = splitComments(await (await response).text());
    expect(comments).toEqual([": queued position=9 eta_ms=100"]);
    expect(rest).toContain(HELLO);
  });

  it("begins a response that fails before its first event, for clients that need the beginning", async () => {
    const queue = createWaitingApp();
    const { response } = await queue.send("/v1/responses", { model: "smollm2", input: "Hi", stream: true });
    queue.wait(2, 5_000);
    await vi.advanceTimersByTimeAsync(1_000);
    queue.refuse(new SupersededError());
    const events = eventsOf(await (await response).text());
    expect(events).toMatchObject([
      { type: "response.created", sequence_number: 0 },
      { type: "response.in_progress" },
      { type: "error", code: "superseded" },
      { type: "response.failed", response: { error: { code: "server_error" } } },
    ]);
  });
});

describe.each(PROTOCOLS)("a whole answer: $name", ({ path, body }) => {
  it("has its waiting time and its position", async () => {
    const queue = createWaitingApp();
    const { response } = await queue.send(path, body);
    queue.wait(5, 20_000);
    await vi.advanceTimersByTimeAsync(20_000);
    queue.admit(19_999.6, 5);
    const { status, headers } = await response;
    expect(status).toBe(200);
    expect(headers.get("sluice-queue-ms")).toBe("20000");
    expect(headers.get("sluice-queue-position")).toBe("5");
    await loopTurn();
    expect(queue.log).toMatchObject([{ queueMs: 20_000 }]);
  });

  it("shows that it did not wait", async () => {
    const response = await createTestApp().app.request(path, jsonInit(body));
    expect(response.headers.get("sluice-queue-ms")).toBe("0");
    expect(response.headers.get("sluice-queue-position")).toBe("0");
  });

  it("sends no queue headers when it was refused at once", async () => {
    const { app } = createTestApp({
      generate: script(async function* () {
        yield* [];
        throw new EngineCrashedError(3);
      }),
    });
    const { headers } = await app.request(path, jsonInit(body));
    expect(headers.has("sluice-queue-ms")).toBe(false);
    expect(headers.has("sluice-queue-position")).toBe(false);
  });
});

describe("a batch of prompts", () => {
  it("counts as one request, which waited as long as the last prompt", async () => {
    const queue = createWaitingApp();
    const batch = { model: "smollm2", prompt: ["a", "b", "c"], stream: true };
    const { response } = await queue.send("/v1/completions", batch, { "sluice-supersede": "id" });
    queue.wait(3, 1_900);
    await vi.advanceTimersByTimeAsync(1_000);
    const text = (await response).text();
    const [first, second, third] = queue.seen;
    expect(new Set(queue.seen.map(({ id, terms }) => `${id} ${terms?.supersedeId}`)).size).toBe(1);
    first?.observe?.({ type: "admitted", waitedMs: 1_000, position: 1 });
    second?.observe?.({ type: "waiting", position: 2, etaMs: 800 });
    await vi.advanceTimersByTimeAsync(1_000);
    second?.observe?.({ type: "admitted", waitedMs: 2_000, position: 2 });
    third?.observe?.({ type: "admitted", waitedMs: 1_500, position: 3 });
    queue.admit(10, 0);
    expect(splitComments(await text).comments).toEqual([": queued position=3 eta_ms=900"]);
    await loopTurn();
    expect(queue.log).toMatchObject([{ queueMs: 2_000 }]);
  });
});
