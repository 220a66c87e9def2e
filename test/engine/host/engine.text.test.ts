import { expect, test } from "vitest";
import { createTokenBucket } from "../../../src/engine/host/text-queries.ts";
import {
  ContextLengthExceededError,
  EngineCrashedError,
  EngineUnavailableError,
  OverloadedError,
  UnrenderablePromptError,
} from "../../../src/generation/errors.ts";
import { createFakeClock } from "../../fake-clock.ts";
import type { FakeWorker } from "./fake-worker.ts";
import { at, createBench, createReadyBench, errorOf, read, saying, settle } from "./helpers.ts";

const options = { addSpecial: false, parseSpecial: true };

test("the worker runs queries, and may return the results in any order", async () => {
  const { engine, worker } = await createReadyBench();
  const tokens = engine.text.tokenize("ab", options);
  const text = engine.text.detokenize([1, 2]);
  expect(worker.queries.map(({ query }) => query)).toEqual([
    { type: "tokenize", text: "ab", ...options },
    { type: "detokenize", tokens: [1, 2] },
  ]);
  const [first, second] = worker.queries;
  worker.say({ type: "result", id: second?.id ?? 0, result: { type: "text", text: "xy" } });
  worker.say({ type: "result", id: first?.id ?? 0, result: { type: "tokens", tokens: Uint32Array.of(7) } });
  expect(await tokens).toEqual([7]);
  expect(await text).toBe("xy");
});

test("the price of a prompt depends on the worker's KV cache", async () => {
  const { engine, worker } = await createReadyBench();
  const prompt = { type: "text" as const, text: "a" };
  const price = engine.text.price(prompt);
  const { id, query } = at(worker.queries, 0);
  expect(query).toEqual({ type: "price", prompt, tools: [] });
  worker.say({ type: "result", id, result: { type: "price", promptTokens: 9, cachedTokens: 4 } });
  expect(await price).toEqual({ promptTokens: 9, cachedTokens: 4 });
  const tooLong = expect(engine.text.price(prompt)).rejects.toBeInstanceOf(ContextLengthExceededError);
  const rejection = { code: "context_length_exceeded" as const, promptTokens: 9, contextTokens: 8, atLeast: false };
  worker.say({ type: "result", id: at(worker.queries, 1).id, result: { type: "rejected", rejection } });
  await tooLong;
});

test("a query that arrives while the model loads waits for it", async () => {
  const bench = createBench();
  const started = bench.engine.start();
  const text = bench.engine.text.applyTemplate({ type: "chat", messages: [] });
  expect(bench.worker.queries).toEqual([]);
  bench.worker.load();
  await started;
  bench.worker.say({ type: "result", id: at(bench.worker.queries, 0).id, result: { type: "text", text: "x" } });
  expect(await text).toBe("x");
});

test("a query is retried after a crash, and fails after a second one", async () => {
  const bench = await createReadyBench();
  const count = bench.engine.text.countTokens({ type: "text", text: "a" });
  const failed = expect(count).rejects.toBeInstanceOf(EngineCrashedError);
  bench.worker.die();
  bench.worker.load();
  expect(at(bench.worker.queries, 0).query).toMatchObject({ type: "countTokens" });
  bench.worker.die();
  await failed;
  bench.clock.advance(1_000);
  bench.worker.load();
  expect(bench.worker.queries).toEqual([]);
});

test("a refused query fails with the error of a generation", async () => {
  const { engine, worker } = await createReadyBench();
  const text = engine.text.applyTemplate({ type: "chat", messages: [] });
  const rejection = { code: "unrenderable_prompt" as const, reason: "roles" };
  worker.say({ type: "result", id: at(worker.queries, 0).id, result: { type: "rejected", rejection } });
  await expect(text).rejects.toBeInstanceOf(UnrenderablePromptError);
});

test("a query fails when the engine is stopped, and so do later ones", async () => {
  const { engine } = await createReadyBench();
  const waiting = expect(engine.text.detokenize([1])).rejects.toBeInstanceOf(EngineUnavailableError);
  const stopped = engine.stop();
  await waiting;
  await expect(engine.text.detokenize([1])).rejects.toBeInstanceOf(EngineUnavailableError);
  await stopped;
});

/** Answers what the worker is asked, as long as it is asked anything. */
async function answerAll(worker: FakeWorker): Promise<void> {
  for (let answered = 0; answered < worker.queries.length; answered += 1) {
    worker.say({ type: "result", id: at(worker.queries, answered).id, result: { type: "text", text: "a" } });
    await settle();
  }
}

test("a worker has two queries at once, and the others wait in the host", async () => {
  const { engine, worker } = await createReadyBench();
  const asked = Array.from({ length: 20 }, () => engine.text.detokenize([1]));
  await settle();
  expect(worker.queries).toHaveLength(2);
  await answerAll(worker);
  expect(await Promise.all(asked)).toHaveLength(20);
});

test("queries above a limit are refused; the limit of one tenant is lower", async () => {
  const { engine, worker, clock } = await createReadyBench();
  const ask = (tenant: string) => engine.text.detokenize([1], { tenant });
  /** So long that the engine may be asked as much again. */
  const wait = () => {
    worker.say({ type: "heartbeat", decodingForMs: 0 });
    clock.advance(4_000);
  };
  const asked = Array.from({ length: 2 + 192 }, () => ask("greedy"));
  await expect(ask("greedy")).rejects.toBeInstanceOf(OverloadedError);
  wait();
  asked.push(...Array.from({ length: 64 }, () => ask("other")));
  await expect(ask("third")).rejects.toBeInstanceOf(OverloadedError);
  await answerAll(worker);
  expect(await Promise.all(asked)).toHaveLength(258);
  wait();
  const later = ask("greedy");
  await settle();
  await answerAll(worker);
  expect(await later).toBe("a");
});

test("an aborted query takes no turn", async () => {
  const { engine, worker } = await createReadyBench();
  const leaving = new AbortController();
  const first = [engine.text.detokenize([1]), engine.text.detokenize([2])];
  const left = engine.text.detokenize([3], { tenant: "a", signal: leaving.signal });
  const last = engine.text.detokenize([4]);
  const gone = expect(left).rejects.toThrow("left");
  leaving.abort(new Error("left"));
  await gone;
  await answerAll(worker);
  await Promise.all([...first, last]);
  expect(worker.queries.map(({ query }) => query.type === "detokenize" && query.tokens[0])).toEqual([1, 2, 4]);
  const never = engine.text.detokenize([5], { tenant: "a", signal: AbortSignal.abort(new Error("gone before")) });
  await expect(never).rejects.toThrow("gone before");
});

test("a death during a query proves nothing about the only request", async () => {
  const bench = await createReadyBench({ maxDeaths: 1 });
  const reading = read(bench.engine.generate(saying("alone")));
  await settle();
  const question = bench.engine.text.detokenize([1]);
  bench.worker.die();
  bench.worker.load();
  bench.worker.say({ type: "result", id: at(bench.worker.queries, 0).id, result: { type: "text", text: "a" } });
  expect(await question).toBe("a");
  expect(reading.outcome).toBe("running");
  bench.worker.die();
  await reading.ended;
  expect(errorOf(reading)).toBeInstanceOf(EngineCrashedError);
});

test("a token bucket refills with time, up to its capacity", () => {
  const clock = createFakeClock();
  const bucket = createTokenBucket({ clock, perSecond: 100, capacity: 250 });
  expect(bucket.take(251)).toBe(false);
  expect(bucket.take(200)).toBe(true);
  expect(bucket.take(60)).toBe(false);
  clock.advance(500);
  expect(bucket.take(100)).toBe(true);
  expect(bucket.take(1)).toBe(false);
  clock.advance(60_000);
  expect(bucket.take(251)).toBe(false);
  expect(bucket.take(250)).toBe(true);
});
