import { expect, test } from "vitest";
import type { Exchange } from "../../../bench/load/post.ts";
import { figuresOf, type Observation, tabulate } from "../../../bench/workloads/intruders/judge.ts";
import { makeIntruders, type RawRequest } from "../../../bench/workloads/intruders/kinds.ts";
import { realLifeSchema } from "../../../bench/workloads/intruders/schema.ts";
import { worstGap } from "../../../bench/workloads/intruders/watch.ts";

const intruders = makeIntruders({ model: "m", passage: (tokens) => "word ".repeat(tokens) });

function requestsOf(name: string): readonly RawRequest[] {
  const deed = intruders.find((intruder) => intruder.name === name)?.deed;
  if (deed === undefined) throw new Error(`there is no intruder ${name}`);
  return deed.type === "requests" ? deed.requests : [deed.request];
}

/** A stream in which a text came at each of these times, and which somebody left at `endedMs`. */
function makeExchange(timesMs: readonly number[], endedMs: number, changes: Partial<Exchange> = {}): Exchange {
  const chunk = Buffer.from('data: {"choices":[{"delta":{"content":"a"}}]}\n\n');
  const reads = timesMs.map((atMs) => ({ atMs, bytes: chunk }));
  return { startedMs: 0, endedMs, status: 200, headers: {}, reads, cut: "gave up", ...changes };
}

function makeObservation(changes: Partial<Observation> = {}): Observation {
  const seen = {
    answers: { 200: 3, none: 1 },
    refusalsMs: [],
    healthMs: [1, 2, 3],
    undisturbedHealthMs: [1],
    worstGapMs: 30,
    undisturbedGapMs: 20,
  };
  return { name: "crowd", ...seen, afterwardsMs: 100, ...changes };
}

/** A text every ms from 1 on. */
const beginning = Array.from({ length: 8 }, (_, index) => index + 1);

test("each intruder has a name of its own, and none sends more than a gateway takes", () => {
  const names = intruders.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) {
    for (const { body } of requestsOf(name)) expect(Buffer.byteLength(body)).toBeLessThan(16 * 2 ** 20);
  }
});

test("what is deep is 5,000 deep, and well-formed", () => {
  for (const { body } of requestsOf("deep-json")) {
    expect(() => JSON.parse(body)).not.toThrow();
    expect(/\[{5000}|(\{"type":"object","properties":\{"a":){5000}/.test(body)).toBe(true);
  }
});

test("a real-life schema has about 14 KB, and each request another one", () => {
  const schemas = [1, 2, 3].map((number) => JSON.stringify(realLifeSchema(number)));
  expect(new Set(schemas).size).toBe(3);
  for (const schema of schemas) {
    expect(schema.length).toBeGreaterThan(12_000);
    expect(schema.length).toBeLessThan(16_000);
  }
  const bodies = requestsOf("schema").map(({ body }) => body);
  expect(new Set(bodies).size).toBe(bodies.length);
});

test("a stream's worst gap is counted from its eighth text on, until it was left", () => {
  expect(worstGap(makeExchange([...beginning, 20, 50, 60], 62))).toBe(30);
  expect(worstGap(makeExchange([...beginning, 20, 50, 60], 160))).toBe(100);
  expect(worstGap(makeExchange([1, 900, ...beginning.map((ms) => 900 + ms)], 917))).toBeLessThan(900);
});

test("a stream that came to its end has no silence after it", () => {
  const { cut: _, ...exchange } = makeExchange([...beginning, 20], 500);
  const done = { atMs: 21, bytes: Buffer.from("data: [DONE]\n\n") };
  expect(worstGap({ ...exchange, reads: [...exchange.reads, done] })).toBe(12);
});

test("a stream that was refused, broke off or ended with an error was silent for ever", () => {
  expect(worstGap(makeExchange(beginning, 20, { status: 503 }))).toBe(Number.POSITIVE_INFINITY);
  expect(worstGap(makeExchange(beginning, 20, { cut: "ECONNRESET" }))).toBe(Number.POSITIVE_INFINITY);
  const failed = { atMs: 21, bytes: Buffer.from('data: {"error":{"message":"no"}}\n\n') };
  expect(worstGap(makeExchange(beginning, 20, { reads: [failed] }))).toBe(Number.POSITIVE_INFINITY);
  expect(worstGap(makeExchange([], 20))).toBe(Number.POSITIVE_INFINITY);
});

test("the figures are the worst of all intruders'", () => {
  const figures = figuresOf([
    makeObservation({ worstGapMs: 70 }),
    makeObservation({ healthMs: [5, 5], refusalsMs: [100, 100] }),
    makeObservation({ healthMs: [1, Number.POSITIVE_INFINITY] }),
  ]);
  expect(figures).toEqual({ gapOverUndisturbed: 3.5, healthP999Ms: Number.POSITIVE_INFINITY, refusalP95Ms: 100 });
  expect(figuresOf([makeObservation()])).not.toHaveProperty("refusalP95Ms");
});

test("the table says of each intruder whether others were left in peace", () => {
  const { head, rows } = tabulate([
    makeObservation({ name: "calm" }),
    makeObservation({ name: "loud", healthMs: [90], worstGapMs: Number.POSITIVE_INFINITY, refusalsMs: [500] }),
  ]);
  expect(rows.every((row) => row.length === head.length)).toBe(true);
  expect(rows[0]).toEqual(expect.arrayContaining(["calm", "200 × 3, none × 1", "met"]));
  expect(rows[0]).not.toContain("missed");
  expect(rows[1]?.filter((cell) => cell === "missed")).toHaveLength(3);
  expect(rows[1]).toContain("never");
});
