import { once } from "node:events";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { EngineCrashedError } from "../../../src/generation/errors.ts";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import { createStreamsDoor } from "../../../src/http/streams/door.ts";
import type { StreamLimits } from "../../../src/http/streams/streams.ts";
import { createAccess } from "../../../src/keys/access.ts";
import { policySchema } from "../../../src/keys/key.ts";
import { issueKey } from "../../../src/keys/manage.ts";
import { error } from "../../../src/protocols/openai-responses.ts";
import { openState } from "../../store/support.ts";
import { answerWith, createTestApp, listenAsGateway, loopTurn, script, type TestAppOptions } from "../support.ts";
import { begin, createHand, numberOf, readEvents, STREAMED } from "./support.ts";

const LIMITS: StreamLimits = { resumeGraceMs: 30_000, resumeKeepMs: 300_000, resumeBytes: 1024 ** 2 };
const { chat } = STREAMED;

/** An engine whose work goes on when it is told to, with what became of it. */
function createLedEngine(events: readonly GenerationEvent[] = answerWith(["one", "two", "three"])) {
  const steps: PromiseWithResolvers<void>[] = events.map(() => Promise.withResolvers());
  let aborted = 0;
  let begun = 0;
  const left = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const generate = script(async function* ({ signal }) {
    begun += 1;
    started.resolve();
    signal.addEventListener("abort", () => {
      aborted += 1;
    });
    try {
      for (const [index, event] of events.entries()) {
        await Promise.race([steps[index]?.promise, once(signal, "abort")]);
        signal.throwIfAborted();
        yield event;
      }
    } finally {
      left.resolve();
    }
  });
  return {
    generate,
    left: left.promise,
    started: started.promise,
    aborted: () => aborted,
    begun: () => begun,
    /** Lets it say its first `count` events. */
    go(count = events.length) {
      for (const step of steps.slice(0, count)) step.resolve();
    },
  };
}

function open(options: TestAppOptions = {}, limits: Partial<StreamLimits> = {}) {
  const clock = createHand();
  const streams = createStreamsDoor({ ...LIMITS, ...limits }, { clock });
  const test = createTestApp({ ...options, streams });
  return { ...test, clock, streams, request: test.app.request.bind(test.app) };
}

/** A gateway's access with two keys. */
function createTwoKeys() {
  const state = openState();
  const access = createAccess({ config: { keysFile: "", apiKey: "" }, state, logger: pino({ level: "silent" }) });
  const secretOf = (name: string) =>
    issueKey(state.keys, { name, expiresMs: undefined, policy: policySchema.parse({}) }, Date.now()).secret;
  return { access, a: secretOf("a"), b: secretOf("b") };
}

async function errorOf(response: Response) {
  return { status: response.status, ...error.parse(await response.json()).error };
}

describe("a stream without `sluice-resume`", () => {
  it("has no ids, is not kept, and ends its work when its client leaves", async () => {
    const engine = createLedEngine();
    engine.go(2);
    const { request } = open({ generate: engine.generate });
    const { response, id } = await begin(request, chat, { "sluice-resume": "0" });
    expect(response.headers.get("sluice-resume")).toBeNull();
    const { events } = await readEvents(response, 1);
    expect(numberOf(events[0])).toBeUndefined();
    await engine.left;
    expect(engine.aborted()).toBe(1);
    expect(await errorOf(await request(`/v1/streams/${id}`))).toMatchObject({ status: 404, code: "stream_not_found" });
  });
});

describe("the work for a stream that is kept", () => {
  it("goes on while nobody reads, for the grace", async () => {
    const engine = createLedEngine();
    engine.go(2);
    const { request, clock } = open({ generate: engine.generate });
    const { response, id } = await begin(request, chat);
    await readEvents(response, 1);
    clock.pass(29_999);
    expect(engine.aborted()).toBe(0);
    clock.pass(1);
    await engine.left;
    expect(engine.aborted()).toBe(1);
    expect(await errorOf(await request(`/v1/streams/${id}`))).toMatchObject({
      ...{ status: 410, code: "stream_gone", message: expect.stringContaining("Nobody read it for too long") },
    });
  });

  it("goes on as long as somebody reads, and its grace begins anew when they leave", async () => {
    const engine = createLedEngine();
    engine.go(2);
    const { request, clock, streams } = open({ generate: engine.generate });
    const { response, id } = await begin(request, chat);
    await readEvents(response, 1);
    clock.pass(20_000);
    const second = await request(`/v1/streams/${id}`);
    clock.pass(60_000);
    expect(engine.aborted()).toBe(0);
    await readEvents(second, 1);
    clock.pass(20_000);
    engine.go();
    await streams.settled();
    const { events } = await readEvents(await request(`/v1/streams/${id}?after=1`));
    expect(events.map(numberOf)).toEqual([2, 3, 4, 5, 6]);
    expect(engine.begun()).toBe(1);
  });

  it("ends at once with DELETE, and so do its readers, and it is logged once", async () => {
    const engine = createLedEngine();
    engine.go(2);
    const { request, log } = open({ generate: engine.generate });
    const { response, id } = await begin(request, chat);
    const gone = await request(`/v1/streams/${id}`, { method: "DELETE" });
    expect(await gone.json()).toEqual({ id, object: "stream", deleted: true });
    await engine.left;
    expect((await readEvents(response)).isWhole).toBe(true);
    expect(await errorOf(await request(`/v1/streams/${id}`))).toMatchObject({
      ...{ status: 410, message: expect.stringContaining("It was cancelled.") },
    });
    await loopTurn();
    await loopTurn();
    const lines = log.filter(({ path }) => path === chat.path);
    expect(lines).toMatchObject([{ requestId: id, status: 200, clientGone: true }]);
  });

  it("ends at once when nobody reads and the gateway is about to stop", async () => {
    const engine = createLedEngine();
    engine.go(2);
    const { request, streams } = open({ generate: engine.generate });
    const { response } = await begin(request, chat);
    streams.leave();
    expect(engine.aborted()).toBe(0);
    await readEvents(response, 1);
    await engine.left;
    expect(engine.aborted()).toBe(1);
  });

  it("ends at once when the client leaves before it can know the stream's id", async () => {
    const engine = createLedEngine();
    const { request } = open({ generate: engine.generate });
    const client = new AbortController();
    const answer = request(chat.path, {
      ...{ method: "POST", body: JSON.stringify(chat.body), signal: client.signal },
      headers: { "content-type": "application/json", "sluice-resume": "1" },
    });
    await engine.started;
    client.abort();
    expect((await answer).status).toBe(499);
    await engine.left;
    expect(engine.aborted()).toBe(1);
  });

  it("goes on when a connection is cut off, and another one takes it up", async () => {
    const engine = createLedEngine();
    engine.go(2);
    const { app } = open({ generate: engine.generate });
    await using server = await listenAsGateway(app);
    const client = new AbortController();
    const response = await fetch(`${server.url}${chat.path}`, {
      ...{ method: "POST", body: JSON.stringify(chat.body), signal: client.signal },
      headers: { "content-type": "application/json", "sluice-resume": "1" },
    });
    const id = response.headers.get("x-request-id");
    const first = await response.body?.getReader().read();
    expect(String(Buffer.from(first?.value ?? []))).toContain(`id: ${id}:1\n`);
    client.abort();
    const rest = await fetch(`${server.url}/v1/streams/${id}`, { headers: { "last-event-id": `${id}:1` } });
    engine.go();
    const text = await rest.text();
    expect(text).toContain("three");
    expect(text.endsWith(`id: ${id}:6\ndata: [DONE]\n\n`)).toBe(true);
    expect(engine.aborted()).toBe(0);
  });
});

describe("an ended stream", () => {
  it("can be read again, by several, until its time is over", async () => {
    const { request, clock, streams } = open();
    const { response, id } = await begin(request, chat);
    const { events } = await readEvents(response);
    await streams.settled();
    for (const after of [0, 3]) {
      const again = await readEvents(await request(`/v1/streams/${id}?after=${after}`));
      expect(again.events).toEqual(events.slice(after));
    }
    clock.pass(300_000);
    expect(await errorOf(await request(`/v1/streams/${id}`))).toMatchObject({
      ...{ status: 410, message: expect.stringContaining("It ended too long ago.") },
    });
  });

  it("answers 204 to whoever has all of it", async () => {
    const { request } = open();
    const { response, id } = await begin(request, chat);
    const { events } = await readEvents(response);
    const answer = await request(`/v1/streams/${id}`, { headers: { "last-event-id": `${id}:${events.length}` } });
    expect(answer.status).toBe(204);
  });

  it("has the error that it broke off with", async () => {
    const generate = script(async function* () {
      yield* answerWith(["Hello"]).slice(0, 2);
      throw new EngineCrashedError(3);
    });
    const { request, streams } = open({ generate });
    const { response, id } = await begin(request, chat);
    await readEvents(response, 1);
    await streams.settled();
    const { events } = await readEvents(await request(`/v1/streams/${id}?after=1`));
    expect(events.at(-1)).toContain("engine_crashed");
  });
});

describe("a place in a stream", () => {
  it.each([
    ["a word", { "last-event-id": "here" }, ""],
    ["a number beyond the end", { "last-event-id": "99" }, ""],
    ["of another stream", { "last-event-id": `req_${"0".repeat(32)}:1` }, ""],
    ["below zero", {}, "?after=-1"],
  ])("is refused if it is %s", async (_, headers, query) => {
    const { request } = open();
    const { response, id } = await begin(request, chat);
    await readEvents(response);
    const refused = await errorOf(await request(`/v1/streams/${id}${query}`, { headers }));
    expect(refused).toMatchObject({ status: 400, code: "invalid_value" });
  });

  it.each([`req_${"0".repeat(32)}:1`, "chatcmpl-1:1"])("says that %s is of another stream", async (header) => {
    const { request } = open();
    const { response, id } = await begin(request, chat);
    await readEvents(response);
    const refused = await errorOf(await request(`/v1/streams/${id}`, { headers: { "last-event-id": header } }));
    expect(refused).toMatchObject({
      code: "invalid_value",
      message: expect.stringMatching(/event of another stream.*or only its number/),
    });
  });

  it("is refused in a new request if it doesn't name the stream", async () => {
    const { request } = open();
    const { response } = await begin(request, chat, { "last-event-id": "3" });
    expect(await errorOf(response)).toMatchObject({ status: 400, param: "last-event-id" });
  });

  it("is not read by those who don't ask for ids", async () => {
    const { request } = open();
    const { response } = await begin(request, chat, { "last-event-id": "3", "sluice-resume": "0" });
    expect(response.status).toBe(400);
    const plain = await request(chat.path, {
      ...{ method: "POST", body: JSON.stringify(chat.body) },
      headers: { "content-type": "application/json", "last-event-id": "3" },
    });
    expect(plain.status).toBe(200);
  });

  it("of a stream that is unknown doesn't begin another answer", async () => {
    const { request } = open();
    const { response } = await begin(request, chat, { "last-event-id": `req_${"0".repeat(32)}:1` });
    expect(await errorOf(response)).toMatchObject({ status: 404, code: "stream_not_found" });
  });

  it("is refused in words of the protocol", async () => {
    const { request } = open();
    const headers = { "last-event-id": `req_${"0".repeat(32)}:1`, "anthropic-version": "2023-06-01" };
    const { response } = await begin(request, STREAMED.messages, headers);
    expect(await response.json()).toMatchObject({ type: "error", error: { type: "not_found_error" } });
  });
});

describe("a header `sluice-resume` that is neither 1 nor 0", () => {
  it("is refused, and names the way out", async () => {
    const { request } = open();
    const { response } = await begin(request, chat, { "sluice-resume": "yes" });
    expect(await errorOf(response)).toMatchObject({ status: 400, param: "sluice-resume" });
  });

  it("is not read where no stream is kept", async () => {
    const { request } = open({}, { resumeBytes: 0 });
    const { response } = await begin(request, chat);
    expect(response.headers.get("sluice-resume")).toBeNull();
    expect(numberOf((await readEvents(response)).events[0])).toBeUndefined();
  });
});

describe("streams of several keys", () => {
  it("are there for the key that began them only", async () => {
    const { access, a, b } = createTwoKeys();
    const { request } = open({ access });
    const { response, id } = await begin(request, chat, { authorization: `Bearer ${a}` });
    await readEvents(response);
    const asB = { headers: { authorization: `Bearer ${b}` } };
    expect((await request(`/v1/streams/${id}`, asB)).status).toBe(404);
    expect((await request(`/v1/streams/${id}`, { ...asB, method: "DELETE" })).status).toBe(404);
    expect((await request(`/v1/streams/${id}`)).status).toBe(401);
    const asA = { headers: { authorization: `Bearer ${a}` } };
    expect((await request(`/v1/streams/${id}`, asA)).status).toBe(200);
    await request(`/v1/streams/${id}`, { ...asA, method: "DELETE" });
    expect((await request(`/v1/streams/${id}`, asB)).status).toBe(404);
    expect((await request(`/v1/streams/${id}`, asA)).status).toBe(410);
  });

  it("give room by their size: the key that holds the most forgets its oldest", async () => {
    const { access, a, b } = createTwoKeys();
    const generate = script(async function* () {
      yield* answerWith([`${"x".repeat(20_000)}`]);
    });
    const { request, streams } = open({ access, generate }, { resumeBytes: 120_000 });
    async function end(secret: string) {
      const { response, id } = await begin(request, chat, { authorization: `Bearer ${secret}` });
      await readEvents(response);
      await streams.settled();
      return id;
    }
    const status = async (id: string, secret: string) =>
      (await request(`/v1/streams/${id}?after=1`, { headers: { authorization: `Bearer ${secret}` } })).status;
    const ofB = await end(b);
    const ofA: string[] = [];
    for (let count = 0; count < 6; count += 1) ofA.push(await end(a));
    expect(await status(ofB, b)).toBe(200);
    expect(await status(ofA[0] ?? "", a)).toBe(410);
    expect(await status(ofA.at(-1) ?? "", a)).toBe(200);
  });
});

describe("a stream that is longer than what may be kept of it", () => {
  const long = answerWith(Array.from({ length: 100 }, (_, index) => `${index}-${"x".repeat(1_000)}`));

  it("forgets its oldest events that were sent, and says so", async () => {
    const { request, streams } = open({ generate: script(long) }, { resumeBytes: 64 * 1024 });
    const { response, id } = await begin(request, chat);
    const { events, isWhole } = await readEvents(response);
    expect(isWhole).toBe(true);
    expect(events.map(numberOf)).toEqual(events.map((_, index) => index + 1));
    await streams.settled();
    expect(await errorOf(await request(`/v1/streams/${id}?after=1`))).toMatchObject({
      ...{ status: 410, message: expect.stringContaining("too long to be kept whole") },
    });
    const rest = await readEvents(await request(`/v1/streams/${id}?after=${events.length - 3}`));
    expect(rest.events).toEqual(events.slice(-3));
  });

  it("waits for its reader when nothing that was sent is left to forget, and loses nothing", async () => {
    let taken = 0;
    const generate = script(async function* () {
      for (const event of long) {
        taken += 1;
        yield event;
      }
    });
    const { request, streams } = open({ generate }, { resumeBytes: 64 * 1024 });
    const { response } = await begin(request, chat);
    for (let turn = 0; turn < 50; turn += 1) await loopTurn();
    expect(taken).toBeLessThan(30);
    const { events } = await readEvents(response);
    expect(events.map(numberOf)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)).toContain("[DONE]");
    expect(taken).toBe(long.length);
    await streams.settled();
  });
});

describe("a comment in a stream with ids", () => {
  it("is one line, since Python's clients take an empty one after it for an event", async () => {
    const generate = script(async function* ({ observe }) {
      yield* answerWith(["Hello"]).slice(0, 2);
      observe?.({ type: "continued", target: "other" });
      yield* answerWith([" there"]).slice(1);
    });
    const { request } = open({ generate });
    const { response } = await begin(request, chat);
    const text = await response.text();
    expect(text).toMatch(/\n\n: sluice-continued "other"\nid: req_[0-9a-f]{32}:\d+\ndata: /);
    expect(text).not.toMatch(/^:.*\n\n/m);
  });
});

describe("several readers of a stream", () => {
  it("each have all of it, and beyond four the one that came first is cut off", async () => {
    const engine = createLedEngine();
    engine.go(2);
    const { request } = open({ generate: engine.generate });
    const { response, id } = await begin(request, chat);
    const others = await Promise.all([1, 2, 3, 4].map(() => request(`/v1/streams/${id}`)));
    engine.go();
    expect((await readEvents(response)).isWhole).toBe(false);
    const read = await Promise.all(others.map((each) => readEvents(each)));
    for (const { events } of read) expect(events.map(numberOf)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
