import { describe, expect, test } from "vitest";
import {
  ContextLengthExceededError,
  EngineCrashedError,
  EngineUnavailableError,
  InvalidSamplingError,
} from "../../../src/generation/errors.ts";
import { at, createBench, createReadyBench, errorOf, read, requestOf, settle, userPrompt } from "./helpers.ts";

const LONG = "x".repeat(10_000);
const options = { addSpecial: false, parseSpecial: true };
const tokensOf = (...tokens: number[]) => ({ type: "tokens" as const, tokens: Uint32Array.from(tokens) });

describe("a question about a long text", () => {
  test("runs in a separate process, not in the engine's", async () => {
    const bench = await createReadyBench();
    expect(bench.vocabularies).toEqual([]);
    const short = bench.engine.text.tokenize("x", options);
    const long = bench.engine.text.tokenize(LONG, options);
    await settle();
    expect(bench.vocabulary.sent).toEqual([
      { type: "load", options: { modelPath: "/models/fake.gguf", gpu: "off", contextTokens: 2048 } },
    ]);
    bench.vocabulary.load();
    bench.vocabulary.answer(tokensOf(1, 2));
    expect(await long).toEqual([1, 2]);
    expect(bench.worker.queries.map(({ query }) => query)).toEqual([{ type: "tokenize", text: "x", ...options }]);
    bench.worker.say({ type: "result", id: at(bench.worker.queries, 0).id, result: tokensOf(3) });
    expect(await short).toEqual([3]);
    await bench.engine.stop();
  });

  test("waits for its turn: the process runs one at a time, and tenants take turns", async () => {
    const bench = await createReadyBench();
    const ask = (tenant: string) =>
      bench.engine.text.detokenize(
        Array.from({ length: 9_000 }, () => 1),
        { tenant },
      );
    const asked = [ask("a"), ask("a"), ask("a"), ask("b")];
    await settle();
    bench.vocabulary.load();
    const done: number[] = [];
    const order = asked.map((each, index) => each.then(() => void done.push(index)));
    for (let count = 1; count <= 4; count += 1) {
      expect(bench.vocabulary.queries).toHaveLength(count);
      bench.vocabulary.answer({ type: "text", text: "t" });
      await settle();
    }
    await Promise.all(order);
    expect(done).toEqual([0, 3, 1, 2]);
  });

  test("that arrives while the model loads waits for it, and fails if it can't be loaded", async () => {
    const bench = createBench();
    const started = bench.engine.start();
    const count = bench.engine.text.countTokens({ type: "text", text: LONG });
    await settle();
    expect(bench.vocabularies).toEqual([]);
    bench.worker.load();
    await started;
    await settle();
    bench.vocabulary.load();
    bench.vocabulary.answer({ type: "count", count: 5 });
    expect(await count).toBe(5);

    const failing = createBench();
    const failed = expect(failing.engine.start()).rejects.toThrow();
    const never = expect(failing.engine.text.tokenize(LONG, options)).rejects.toBeInstanceOf(EngineUnavailableError);
    await settle();
    failing.worker.die();
    await failed;
    await never;
  });

  test("is retried once after its process died, and then fails; the engine continues", async () => {
    const bench = await createReadyBench();
    const reading = read(bench.engine.generate(requestOf()));
    const deadly = expect(bench.engine.text.tokenize(LONG, options)).rejects.toBeInstanceOf(EngineCrashedError);
    const other = bench.engine.text.countTokens({ type: "text", text: LONG });
    await settle();
    bench.vocabulary.load();
    bench.vocabulary.die();
    bench.vocabulary.load();
    expect(bench.vocabularies).toHaveLength(2);
    bench.vocabulary.answer({ type: "count", count: 5 });
    expect(await other).toBe(5);
    await settle();
    bench.vocabulary.die();
    await deadly;
    expect(reading.outcome).toBe("running");
    expect(bench.workers).toHaveLength(1);
  });

  test("fails if the vocabulary can't be loaded, and the next one tries again", async () => {
    const bench = await createReadyBench();
    const failed = expect(bench.engine.text.tokenize(LONG, options)).rejects.toBeInstanceOf(EngineUnavailableError);
    await settle();
    bench.vocabulary.say({ type: "loadFailed", reason: "no memory" });
    bench.vocabulary.die(1, null);
    await failed;
    const next = bench.engine.text.tokenize(LONG, options);
    await settle();
    expect(bench.vocabularies).toHaveLength(2);
    bench.vocabulary.load();
    bench.vocabulary.answer(tokensOf(1));
    expect(await next).toEqual([1]);
  });

  test("that takes too long gets its process killed, however many others arrive meanwhile", async () => {
    const bench = await createReadyBench();
    const hanging = expect(bench.engine.text.tokenize(LONG, options)).rejects.toBeInstanceOf(EngineCrashedError);
    await settle();
    bench.vocabulary.load();
    for (let death = 1; death <= 2; death += 1) {
      const worker = bench.vocabulary;
      for (let minute = 0; minute < 3; minute += 1) {
        bench.worker.say({ type: "heartbeat", decodingForMs: 0 });
        const beat = () => bench.worker.say({ type: "heartbeat", decodingForMs: 0 });
        for (let second = 0; second < 60; second += 1) {
          beat();
          bench.clock.advance(1_000);
        }
      }
      await settle();
      expect(worker.dead).toBe(true);
      if (death === 1) bench.vocabulary.load();
    }
    await hanging;
    expect(bench.workers).toHaveLength(1);
  });

  test("that costs too much is refused at once", async () => {
    const bench = await createReadyBench();
    const prompt = { type: "text" as const, text: "x".repeat(7 * 2 ** 20) };
    await expect(bench.engine.text.countTokens(prompt)).rejects.toBeInstanceOf(InvalidSamplingError);
    expect(bench.vocabularies).toEqual([]);
  });
});

test("short queries of clients run there, too, above the rate limit of the engine; the gateway's own never do", async () => {
  const bench = await createReadyBench();
  const text = "x".repeat(8_000);
  const asked = Array.from({ length: 20 }, () => bench.engine.text.tokenize(text, options, { tenant: "a" }));
  const own = Array.from({ length: 20 }, () => bench.engine.text.tokenize(text, options));
  await settle();
  bench.vocabulary.load();
  for (let answered = 0; answered < bench.worker.queries.length; answered += 1) {
    bench.worker.say({ type: "result", id: at(bench.worker.queries, answered).id, result: tokensOf(1) });
    await settle();
  }
  expect(bench.worker.queries).toHaveLength(8 + 20);
  await Promise.all(own);
  for (let answered = 0; answered < bench.vocabulary.queries.length; answered += 1) {
    bench.vocabulary.answer(tokensOf(1));
    await settle();
  }
  expect(bench.vocabulary.queries).toHaveLength(12);
  await Promise.all(asked);
  bench.clock.advance(1_000);
  const later = bench.engine.text.tokenize(text, options, { tenant: "a" });
  await settle();
  expect(bench.worker.queries).toHaveLength(8 + 20 + 1);
  bench.worker.say({ type: "result", id: at(bench.worker.queries, -1).id, result: tokensOf(1) });
  expect(await later).toEqual([1]);
});

test("the process ends when it was idle for a while, and the next query starts another", async () => {
  const bench = await createReadyBench();
  const ask = () => bench.engine.text.tokenize(LONG, options);
  const first = ask();
  await settle();
  bench.vocabulary.load();
  bench.vocabulary.answer(tokensOf(1));
  await first;
  for (let second = 0; second < 300; second += 1) {
    expect(bench.vocabulary.connected).toBe(true);
    bench.worker.say({ type: "heartbeat", decodingForMs: 0 });
    bench.clock.advance(1_000);
  }
  expect(bench.vocabulary.connected).toBe(false);
  // It has not exited yet.
  const second = ask();
  await settle();
  expect(bench.vocabularies).toHaveLength(2);
  bench.vocabulary.load();
  bench.vocabulary.answer(tokensOf(2));
  expect(await second).toEqual([2]);
  await bench.engine.stop();
  await settle();
  expect(bench.vocabulary.dead).toBe(true);
  expect(bench.clock.pending).toBe(0);
});

describe("a generation with a long prompt", () => {
  const request = () => requestOf({ prompt: userPrompt(LONG), stop: ["!"] });
  const answer = { type: "prompt" as const, tokens: Uint32Array.of(4, 5), stop: ["<|im_end|>"] };

  test("reaches the engine as tokens with the stop strings of its template", async () => {
    const bench = await createReadyBench();
    const tools = { tools: [{ name: "f" }], choice: "auto", allowed: undefined, parallel: true } as const;
    const reading = read(bench.engine.generate({ ...request(), tools }));
    await settle();
    bench.vocabulary.load();
    expect(bench.vocabulary.queries.map(({ query }) => query)).toEqual([
      { type: "read", prompt: userPrompt(LONG), tools: tools.tools },
    ]);
    bench.vocabulary.answer(answer);
    await settle();
    const sequence = at(bench.worker.submitted, 0);
    expect(sequence).toMatchObject({ prompt: { type: "tokens", tokens: [4, 5] }, stop: ["!", "<|im_end|>"] });
    expect(sequence).not.toHaveProperty("tools");
    bench.worker.step({
      id: sequence.id,
      started: { promptTokens: 2, cachedTokens: 0 },
      tokens: [1],
      text: "a",
      finished: { reason: "stop", completionTokens: 1 },
    });
    await reading.ended;
    expect(reading.outcome).toBe("done");
  });

  test("ignores the stop strings of its template with `ignoresEnd`", async () => {
    const bench = await createReadyBench();
    const asked = request();
    read(bench.engine.generate({ ...asked, sampling: { ...asked.sampling, ignoresEnd: true } }));
    await settle();
    bench.vocabulary.load();
    bench.vocabulary.answer(answer);
    await settle();
    expect(at(bench.worker.submitted, 0).stop).toEqual(["!"]);
  });

  test("has a separate process, which clients' own queries can't block", async () => {
    const bench = await createReadyBench();
    const asked = [1, 2].map(() => bench.engine.text.tokenize(LONG, options));
    await settle();
    const busy = bench.vocabulary;
    busy.load();
    const reading = read(bench.engine.generate(request()));
    await settle();
    expect(bench.vocabularies).toHaveLength(2);
    bench.vocabulary.load();
    expect(bench.vocabulary.queries.map(({ query }) => query.type)).toEqual(["read"]);
    bench.vocabulary.answer(answer);
    await settle();
    expect(bench.worker.submitted).toHaveLength(1);
    expect(busy.queries.map(({ query }) => query.type)).toEqual(["tokenize"]);
    busy.answer(tokensOf(1));
    await settle();
    busy.answer(tokensOf(1));
    await Promise.all(asked);
    expect(reading.outcome).toBe("running");
  });

  test("that doesn't fit is refused before it reaches the engine", async () => {
    const bench = await createReadyBench();
    const reading = read(bench.engine.generate(request()));
    await settle();
    bench.vocabulary.load();
    const rejection = {
      code: "context_length_exceeded",
      promptTokens: 9_000,
      contextTokens: 2_048,
      atLeast: false,
    } as const;
    bench.vocabulary.answer({ type: "rejected", rejection });
    await reading.ended;
    expect(errorOf(reading)).toBeInstanceOf(ContextLengthExceededError);
    expect(bench.worker.submitted).toEqual([]);
    expect(bench.engine.counts).toEqual({ requests: 0, submissions: 0 });
  });

  test("that is aborted while it is tokenized never reaches the engine", async () => {
    const bench = await createReadyBench();
    const leaving = new AbortController();
    const reading = read(bench.engine.generate({ ...request(), signal: leaving.signal }));
    await settle();
    bench.vocabulary.load();
    leaving.abort(new Error("left"));
    await reading.ended;
    expect(errorOf(reading)).toMatchObject({ message: "left" });
    bench.vocabulary.answer(answer);
    await settle();
    expect(bench.worker.submitted).toEqual([]);
  });

  test("is priced by its tokens, which the engine compares with its KV cache", async () => {
    const bench = await createReadyBench();
    const price = bench.engine.text.price(userPrompt(LONG));
    await settle();
    bench.vocabulary.load();
    bench.vocabulary.answer(answer);
    await settle();
    const { id, query } = at(bench.worker.queries, 0);
    expect(query).toEqual({ type: "price", prompt: { type: "tokens", tokens: [4, 5] }, tools: [] });
    bench.worker.say({ type: "result", id, result: { type: "price", promptTokens: 2, cachedTokens: 1 } });
    expect(await price).toEqual({ promptTokens: 2, cachedTokens: 1 });
  });
});
