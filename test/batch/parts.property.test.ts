import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attempt } from "../../src/batch/attempt.ts";
import { createLookAhead } from "../../src/batch/look-ahead.ts";
import { advance, doneOf, newProgress, readProgress } from "../../src/batch/progress.ts";
import { answered } from "../../src/batch/results.ts";
import { batchResult } from "../fixtures/openai/batches.ts";

const done = (line: number) => ({ line, fate: "completed", isError: false, bytes: 10, usage: undefined }) as const;

describe("the progress of a batch", () => {
  it("knows exactly which lines are done, in whatever order they were", () => {
    fc.assert(
      fc.property(
        fc
          .uniqueArray(fc.nat(30), { maxLength: 31 })
          .chain((lines) =>
            fc.record({ lines: fc.constant(lines), cuts: fc.array(fc.nat(lines.length), { maxLength: 4 }) }),
          ),
        ({ lines, cuts }) => {
          const edges = [0, ...cuts.toSorted((a, b) => a - b), lines.length];
          let progress = newProgress(31);
          for (const [index, edge] of edges.slice(1).entries()) {
            const group = lines.slice(edges[index], edge).map(done);
            progress = readProgress(JSON.stringify(advance(progress, group, (line) => ({ line, offset: line * 7 }))));
          }
          const known = [...Array.from({ length: progress.next.line }, (_, line) => line), ...progress.beyond];
          expect(known).toEqual(lines.toSorted((a, b) => a - b));
          expect(progress.next.offset).toBe(progress.next.line * 7);
          expect(progress.outputBytes).toBe(10 * lines.length);
          expect(doneOf(progress)).toBe(lines.length);
        },
      ),
    );
  });

  it("can be read whatever the answers say that they used", () => {
    const usages = fc.constantFrom(-1, 0, 1.5, 7, 1e12, Number.MAX_SAFE_INTEGER, 1e300, "7", null);
    fc.assert(
      fc.property(fc.array(usages, { maxLength: 8 }), (counts) => {
        let progress = newProgress(counts.length);
        for (const [line, tokens] of counts.entries()) {
          const usage = { input_tokens: tokens, output_tokens: tokens, cache_read_input_tokens: tokens };
          const body = JSON.stringify({ usage });
          const entry = answered({ line, customId: "" }, { status: 200, requestId: "", body });
          const next = advance(progress, [{ ...entry, usage: entry.usage, bytes: 1 }], () => ({ line: 0, offset: 0 }));
          progress = readProgress(JSON.stringify(next));
          expect(progress).toEqual(next);
        }
      }),
    );
    const full = { ...newProgress(1), usage: { input: 2e16, cached: 0, output: 2 ** 52, reasoning: 0, cost: 0 } };
    const stored = readProgress(JSON.stringify(full));
    const used = { input: 1_000, cached: 0, output: 1_000, reasoning: 0, cost: 0 };
    const { usage } = advance(stored, [{ ...done(0), usage: used }], () => undefined);
    expect(Number.isSafeInteger(usage.input)).toBe(true);
    expect(usage.output).toBe(usage.input);
  });

  it("refuses a line that is done already", () => {
    const progress = advance(newProgress(3), [done(0), done(2)], (line) => ({ line, offset: line }));
    expect(() => advance(progress, [done(2)], () => undefined)).toThrow("done twice");
    expect(() => advance(progress, [done(0)], () => undefined)).toThrow("done twice");
  });
});

describe("the lines that wait", () => {
  it("are each taken once, those that begin alike one after another", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "b", "bb", "c"), { maxLength: 30 }), (beginnings) => {
        const ahead = createLookAhead();
        for (const [line, beginning] of beginnings.entries()) {
          ahead.add({ line, offset: 0, bytes: 2, customId: "", model: undefined, body: "", beginning });
        }
        expect(ahead.bytes).toBe(2 * beginnings.length);
        const taken = beginnings.map(() => ahead.take());
        const order = taken.map((line) => line?.beginning ?? "");
        expect(taken.map((line) => line?.line).toSorted()).toEqual(beginnings.map((_, line) => line).toSorted());
        expect(order).toEqual(order.toSorted());
        expect([ahead.size, ahead.bytes, ahead.take()]).toEqual([0, 0, undefined]);
      }),
    );
  });

  it("go round: what comes later and begins earlier waits for the next round", () => {
    const ahead = createLookAhead();
    const add = (beginning: string) =>
      ahead.add({ line: 0, offset: 0, bytes: 0, customId: "", model: undefined, body: "", beginning });
    for (const beginning of ["m", "n"]) add(beginning);
    expect(ahead.take()?.beginning).toBe("m");
    for (const beginning of ["a", "m", "z"]) add(beginning);
    expect([1, 2, 3, 4].map(() => ahead.take()?.beginning)).toEqual(["m", "n", "z", "a"]);
  });
});

/** Answers in turn, by a clock that waits for nobody and notes for how long it was asked to. */
function attemptWith(answers: readonly Response[]) {
  const waits: number[] = [];
  const left = [...answers];
  const run = attempt({
    door: async () => left.shift() ?? new Response("none left", { status: 599 }),
    path: "/",
    body: "{}",
    signal: new AbortController().signal,
    clock: {
      now: () => 0,
      after(ms, callback) {
        waits.push(ms);
        queueMicrotask(callback);
        return () => {};
      },
    },
  });
  return run.then((answer) => ({ answer, waits, left: left.length }));
}

const refuse = (status: number, headers = {}) => new Response('{"error":\n1}', { status, headers });

describe("a line's request", () => {
  it("waits for as long as it is told to, as often as it is", async () => {
    const busy = Array.from({ length: 9 }, () => refuse(429, { "retry-after": "2" }));
    const again = refuse(503, { "retry-after-ms": "150", "retry-after": "1" });
    const { answer, waits } = await attemptWith([
      ...busy,
      again,
      refuse(429, { "retry-after": "90000" }),
      Response.json({}),
    ]);
    expect(answer).toMatchObject({ status: 200, body: "{}" });
    expect(waits).toEqual([...busy.map(() => 2_000), 150, 60_000]);
  });

  it("is made three times if the server fails, and once if the request is at fault", async () => {
    const failing = await attemptWith([refuse(500), refuse(502), refuse(500), refuse(500)]);
    expect(failing).toMatchObject({ answer: { status: 500, body: '{"error": 1}' }, waits: [2_000, 4_000], left: 1 });
    for (const status of [400, 401, 404, 413, 422, 429]) {
      expect(await attemptWith([refuse(status), refuse(200)])).toMatchObject({ answer: { status }, left: 1 });
    }
  });

  it("that is answered with no JSON has the answer as a text", async () => {
    const { answer } = await attemptWith([new Response("ha\nha", { headers: { "x-request-id": "req_7" } })]);
    expect(answer).toEqual({ status: 200, requestId: "req_7", body: '"ha\\nha"' });
  });
});

describe("a line's result", () => {
  const asked = { line: 3, customId: 'a"b' };

  it.each([
    ["OpenAI's chats", { prompt_tokens: 7, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 3 } }],
    ["its responses", { input_tokens: 7, output_tokens: 2, input_tokens_details: { cached_tokens: 3 } }],
    ["Anthropic's messages", { input_tokens: 4, output_tokens: 2, cache_read_input_tokens: 3 }],
  ])("is in OpenAI's form and counts the tokens of %s", (_, usage) => {
    const entry = answered(asked, { status: 200, requestId: "req_1", body: JSON.stringify({ usage }) });
    expect(entry).toMatchObject({ isError: false, usage: { input: 7, cached: 3, output: 2, reasoning: 0 } });
    expect(batchResult.parse(JSON.parse(entry.text))).toMatchObject({
      custom_id: 'a"b',
      response: { status_code: 200 },
    });
  });

  it("that is a failure goes to the error file", () => {
    const entry = answered(asked, { status: 400, requestId: "req_1", body: '{"error":{}}' });
    expect(entry).toMatchObject({ isError: true, fate: "failed", usage: undefined });
  });
});
