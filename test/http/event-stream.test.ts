import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { CutThrough } from "../../src/http/cut-through.ts";
import { eventStreamResponse, type Outlet, SERVER_SENT_EVENTS } from "../../src/http/event-stream.ts";
import { startGeneration } from "../../src/http/generation.ts";
import { startHeartbeat } from "../../src/http/heartbeat.ts";
import type { StreamEncoder } from "../../src/protocols/stream.ts";
import { generationRequest } from "../fixtures/generation.ts";
import { script } from "./support.ts";

const STARTED: GenerationEvent = { type: "started", promptTokens: 1, cachedTokens: 0 };

const plain: StreamEncoder = {
  open: () => "open",
  encode: (event) => (event.type === "text" ? event.text : ""),
  beat: () => "beat",
  close: () => "close",
  fail: (error) => error.message,
};

type Events = Parameters<typeof script>[0];

/** A response that plays `events`, with the number of times that it said it had ended. */
async function respond(events: Events, comesAtOnce = false, outlet?: Outlet) {
  const connection = new AbortController();
  const generation = startGeneration(script(events), generationRequest(), connection.signal);
  let ends = 0;
  const response = await eventStreamResponse({
    generation,
    first: Promise.resolve(STARTED),
    beat: undefined,
    heartbeat: startHeartbeat(undefined),
    encoder: plain,
    framing: SERVER_SENT_EVENTS,
    outlet,
    comesAtOnce: () => comesAtOnce,
    describeError: (error) => ({ message: String(error), type: "server_error", param: null, code: null }),
    onEnd: () => {
      ends += 1;
    },
  });
  return { response, connection, ends: () => ends };
}

/** The same, from a server whose streams go past web streams. */
async function respondPast(events: Events, comesAtOnce = false) {
  const responding = Promise.withResolvers<Awaited<ReturnType<typeof respond>>>();
  const server = createServer(async (_, outgoing) => {
    const cutThrough = new CutThrough(outgoing);
    const responded = await respond(events, comesAtOnce, cutThrough);
    responding.resolve(responded);
    const left = cutThrough.send(responded.response);
    if (!outgoing.headersSent) outgoing.end(await left.text());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return { ...(await responding.promise), response };
}

async function readPieces({ body }: Response): Promise<string[]> {
  const pieces: string[] = [];
  for await (const bytes of body ?? []) pieces.push(Buffer.from(bytes).toString());
  return pieces;
}

const texts = (count: number, text: string) =>
  Array.from({ length: count }, (): GenerationEvent => ({ type: "text", choice: 0, text }));

const WAYS = [
  ["as a web stream", respond],
  ["past web streams", respondPast],
] as const;

describe.each(WAYS)("an event stream %s", (_way, respond) => {
  it("reports its end once when it has ended by itself", async () => {
    const { response, ends } = await respond([{ type: "text", choice: 0, text: "text" }]);
    expect(await response.text()).toBe("opentextclose");
    expect(ends()).toBe(1);
  });

  it("reports its end once when the reader left while it waited for a token", async () => {
    const waiting = Promise.withResolvers<void>();
    const { response, ends } = await respond(async function* (request) {
      waiting.resolve();
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      yield* [];
    });
    const reader = response.body?.getReader();
    await reader?.read();
    const pending = reader?.read();
    await waiting.promise;
    await reader?.cancel();
    expect((await pending)?.done).toBe(true);
    await expect.poll(ends).toBe(1);
  });
});

describe("an event stream as a web stream", () => {
  it("of stored content comes in large pieces when it is long, and no faster than it is read", async () => {
    const { response, ends } = await respond(texts(100, "x".repeat(1_000)), true);
    expect(ends()).toBe(0);
    const pieces = await readPieces(response);
    expect(pieces.length).toBe(4);
    expect(pieces.join("")).toBe(`open${"x".repeat(100_000)}close`);
    expect(ends()).toBe(1);
  });

  it("starts the generation only when the client reads", async () => {
    let taken = 0;
    const { response } = await respond(async function* () {
      for (;;) {
        taken += 1;
        yield { type: "text", choice: 0, text: "text" };
      }
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBe(0);
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.read();
    await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBe(1);
    await reader?.cancel();
  });
});

describe.each(WAYS)("an event stream of stored content, %s", (_way, respond) => {
  it("is one piece when it is short", async () => {
    const { response, ends } = await respond(texts(3, "text"), true);
    expect(ends()).toBe(1);
    expect(await readPieces(response)).toEqual(["opentexttexttextclose"]);
  });

  it("reports an error after the earlier events", async () => {
    const { response } = await respond(async function* () {
      yield* texts(2, "text");
      throw new Error("broken");
    }, true);
    expect(await response.text()).toBe("opentexttextError: broken");
  });
});

describe("a client's generation", () => {
  it("is cancelled from the start when the client left before it", async () => {
    const seen: boolean[] = [];
    const gone = AbortSignal.abort();
    const generation = startGeneration(
      script(async function* (request) {
        seen.push(request.signal.aborted);
        yield STARTED;
      }),
      generationRequest(),
      gone,
    );
    expect(generation.isCancelled()).toBe(true);
    expect(await generation.events.next()).toEqual({ done: true, value: undefined });
    expect(seen).toEqual([]);
  });
});
