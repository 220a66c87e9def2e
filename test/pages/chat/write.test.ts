import { describe, expect, it } from "vitest";
import { LostError, RefusedError } from "../../../pages/chat/answering/stream.ts";
import { type Writing, writeAnswer } from "../../../pages/chat/answering/write.ts";
import { answer } from "./messages.ts";

const ID = `req_${"0".repeat(32)}`;

/** An event of a stream, with the number `at` if it can be taken up. */
function event(content: string, at?: number): string {
  const data = JSON.stringify({ model: "one", choices: [{ index: 0, delta: { content }, finish_reason: null }] });
  return `${at === undefined ? "" : `id: ${ID}:${at}\n`}data: ${data}\n\n`;
}

const DONE = "data: [DONE]\n\n";

/** A response whose body breaks off after `text` if it has no end. */
function streamOf(text: string, headers: Record<string, string> = {}): Response {
  const isWhole = text.endsWith(DONE);
  const pieces = text.match(/[\s\S]{1,17}/g) ?? [];
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece !== undefined) controller.enqueue(new TextEncoder().encode(piece));
      else if (isWhole) controller.close();
      else controller.error(new TypeError("network error"));
    },
  });
  return new Response(body, { headers });
}

function writing(overrides: Partial<Writing> = {}): Writing {
  return {
    ask: async () => streamOf(event("Hello") + DONE),
    takeUp: () => Promise.reject(new LostError("nobody is there")),
    signal: new AbortController().signal,
    onChange() {},
    now: () => 0,
    pause: async () => {},
    ...overrides,
  };
}

const RESUMABLE = { "sluice-resume": "grace=30, keep=60", "x-request-id": ID };

describe("writing an answer", () => {
  it("ends when the stream does", async () => {
    const written = await writeAnswer(
      answer(),
      writing({ ask: async () => streamOf(event("Hel") + event("lo") + DONE) }),
    );
    expect(written.look()).toMatchObject({ state: "done", content: "Hello", pickup: null, problem: null });
  });

  it("takes the stream up after the last event that came, as often as it breaks", async () => {
    const asked: string[] = [];
    const parts = [event("b", 2), event("c", 3), event("", 4) + DONE];
    const written = await writeAnswer(
      answer(),
      writing({
        ask: async () => streamOf(event("a", 1), RESUMABLE),
        takeUp: async ({ request, lastEvent }) => {
          asked.push(`${request} ${lastEvent}`);
          return streamOf(parts.shift() ?? DONE, { ...RESUMABLE, "x-request-id": "req_another" });
        },
      }),
    );
    expect(written.look().facts.requestId).toBe(ID);
    expect(written.look()).toMatchObject({ state: "done", content: "abc" });
    expect(asked).toEqual([1, 2, 3].map((at) => `${ID} ${ID}:${at}`));
    // The times of a connection that broke tell nothing of the model.
    expect(written.look().facts).not.toHaveProperty("firstTokenMs");
  });

  it("takes up a stream that broke before its first event", async () => {
    const written = await writeAnswer(
      answer(),
      writing({
        ask: async () => streamOf(": queued position=1\n\n", RESUMABLE),
        takeUp: async ({ lastEvent }) => streamOf(event(lastEvent, 1) + DONE),
      }),
    );
    expect(written.look()).toMatchObject({ state: "done", content: `${ID}:0` });
  });

  it("goes on with an answer of an earlier visit, and is done if nothing was left", async () => {
    const stored = answer({ content: "Once", pickup: { request: ID, lastEvent: `${ID}:7` } });
    const takenUp = await writeAnswer(
      stored,
      writing({ ask: undefined, takeUp: async () => streamOf(event(" upon", 8) + DONE) }),
    );
    expect(takenUp.look()).toMatchObject({ state: "done", content: "Once upon" });
    const whole = await writeAnswer(
      stored,
      writing({ ask: undefined, takeUp: async () => new Response(null, { status: 204 }) }),
    );
    expect(whole.look()).toMatchObject({ state: "done", content: "Once" });
  });

  it("keeps what came if the stream can't be taken up, and says why", async () => {
    const refusal = new RefusedError("It ended too long ago.", 410, "stream_gone");
    const written = await writeAnswer(
      answer(),
      writing({ ask: async () => streamOf(event("a", 1)), takeUp: () => Promise.reject(refusal) }),
    );
    expect(written.look()).toMatchObject({
      state: "cut",
      content: "a",
      problem: { message: "It ended too long ago.", status: 410 },
    });
  });

  it("says in a reader's words that a gateway that was started again no longer has the stream", async () => {
    const refusal = new RefusedError("There is no stream 'req_1'. Only streams of requests with…", 404, "not_found");
    const written = await writeAnswer(
      answer(),
      writing({ ask: async () => streamOf(event("a", 1)), takeUp: () => Promise.reject(refusal) }),
    );
    const { state, content, problem } = written.look();
    expect([state, content]).toEqual(["cut", "a"]);
    expect(problem?.message).toMatch(/^The gateway no longer has this answer/);
  });

  it("gives up after some tries, with a longer pause before each", async () => {
    const pauses: number[] = [];
    const written = await writeAnswer(
      answer(),
      writing({
        ask: async () => streamOf(event("a", 1)),
        pause: async (ms) => {
          pauses.push(ms);
        },
      }),
    );
    expect(written.look()).toMatchObject({ state: "cut", content: "a" });
    expect(pauses).toHaveLength(9);
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
  });

  it("keeps what came of a stream that can't be taken up at all", async () => {
    const written = await writeAnswer(answer(), writing({ ask: async () => streamOf(event("a")) }));
    expect(written.look()).toMatchObject({ state: "cut", content: "a" });
  });

  it("fails with the server's words if it is refused", async () => {
    const refusal = new RefusedError("The model 'x' does not exist.", 404, "model_not_found");
    const written = await writeAnswer(answer(), writing({ ask: () => Promise.reject(refusal) }));
    expect(written.look()).toMatchObject({
      state: "failed",
      problem: { message: "The model 'x' does not exist.", code: "model_not_found", status: 404 },
    });
  });

  it("fails, and tries nothing again, if the stream says that it failed", async () => {
    const broken = `${event("a", 1)}data: {"error": {"message": "It broke.", "code": "engine_crashed"}}\n\n`;
    const written = await writeAnswer(answer(), writing({ ask: async () => streamOf(broken) }));
    expect(written.look()).toMatchObject({ state: "failed", content: "a", problem: { message: "It broke." } });
  });

  it("is done if only its last events are missing", async () => {
    const last = `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: "stop" }] })}\n\n`;
    const written = await writeAnswer(answer(), writing({ ask: async () => streamOf(event("a") + last) }));
    expect(written.look()).toMatchObject({ state: "done", finish: "stop" });
  });

  it("stops where the user wants it to", async () => {
    const controller = new AbortController();
    const written = await writeAnswer(
      answer(),
      writing({
        ask: async () => streamOf(event("a", 1) + event("b", 2)),
        signal: controller.signal,
        onChange: (writer) => writer.look().content === "a" && controller.abort(),
      }),
    );
    expect(written.look()).toMatchObject({ state: "stopped", content: "a" });
  });

  it("tells what it waits for until something comes", async () => {
    const seen: unknown[] = [];
    await writeAnswer(
      answer(),
      writing({
        ask: async () => streamOf(`: queued position=2 eta_ms=900\n\n${event("")}${event("a")}${DONE}`),
        onChange: (writer) => seen.push(writer.waiting()?.position),
      }),
    );
    expect(seen).toEqual([undefined, 2, 2, undefined, undefined].slice(0, seen.length));
    expect(seen).toContain(2);
    expect(seen.at(-1)).toBeUndefined();
  });
});
