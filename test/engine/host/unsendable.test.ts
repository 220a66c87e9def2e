import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidSamplingError } from "../../../src/generation/errors.ts";
import type { GenerationRequest } from "../../../src/generation/request.ts";
import { createEmbedderBench, texts } from "./fake-embedder.ts";
import { FakeWorker } from "./fake-worker.ts";
import {
  at,
  contentsOf,
  createBench,
  createLogSpy,
  createReadyBench,
  errorOf,
  read,
  saying,
  settle,
} from "./helpers.ts";

/** Far more than the serializer's stack holds. */
function nested(depth = 100_000): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

/** What costs so much to read that it goes to the process for long texts. */
const DEEP = { a: nested() };
const NO_VALUE = { f: () => 1 };

/** Values that no other process can be given. */
const UNSENDABLE = [NO_VALUE, { s: Symbol("s") }, { p: Promise.resolve() }];

function unsendable(content: string, templateArguments: Record<string, unknown> = NO_VALUE): GenerationRequest {
  return saying(content, { prompt: { type: "chat", messages: [{ role: "user", content }], templateArguments } });
}

describe("a request that can't be handed to the engine's process", () => {
  test.each(UNSENDABLE)("fails alone and holds nothing: %#", async (templateArguments) => {
    const { engine, worker } = await createReadyBench();
    const good = read(engine.generate(saying("good")));
    const bad = read(engine.generate(unsendable("bad", templateArguments)));
    await bad.ended;
    expect(errorOf(bad)).toBeInstanceOf(InvalidSamplingError);
    expect(errorOf(bad)).toMatchObject({ field: "prompt" });
    expect(engine.counts).toEqual({ requests: 1, submissions: 1 });
    expect(good.outcome).toBe("running");
    expect(contentsOf(worker)).toEqual(["good"]);
  });

  test("that waits for a worker fails when one has loaded, and the other requests are sent", async () => {
    const bench = createBench();
    const { engine } = bench;
    const started = engine.start();
    const readings = [saying("a"), unsendable("b"), unsendable("c"), saying("d")].map((request) =>
      read(engine.generate(request)),
    );
    await settle();
    expect(engine.counts.requests).toBe(4);
    bench.worker.load();
    await started;
    await Promise.all(readings.slice(1, 3).map(({ ended }) => ended));
    expect(readings.map(errorOf).map((error) => error instanceof InvalidSamplingError)).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(contentsOf(bench.worker)).toEqual(["a", "d"]);
    expect(engine.counts).toEqual({ requests: 2, submissions: 2 });
  });

  test("is not tried again when the engine's process is replaced", async () => {
    const bench = await createReadyBench();
    await read(bench.engine.generate(unsendable("bad"))).ended;
    bench.worker.die();
    expect(() => bench.worker.load()).not.toThrow();
    expect(bench.engine.state).toBe("ready");
    expect(bench.worker.submitted).toEqual([]);
  });

  test("leaves none of its choices behind", async () => {
    const { engine } = await createReadyBench();
    const bad = read(engine.generate({ ...unsendable("bad"), choices: 3 }));
    await bad.ended;
    expect(engine.counts).toEqual({ requests: 0, submissions: 0 });
  });

  test("holds nothing and blocks no other request, whatever happens", async () => {
    const step = fc.constantFrom("good", "bad", "die");
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const bench = await createReadyBench({ restartDelayMs: 1, maxRestartDelayMs: 1 });
        const good: ReturnType<typeof read>[] = [];
        const bad: ReturnType<typeof read>[] = [];
        for (const each of steps) {
          if (each === "good") good.push(read(bench.engine.generate(saying("good"))));
          if (each === "bad") bad.push(read(bench.engine.generate(unsendable("bad"))));
          await settle();
          // An idle worker's death harms nobody.
          if (each !== "die" || good.length > 0) continue;
          bench.worker.die();
          bench.clock.advance(10);
          bench.worker.load();
        }
        for (const { id } of bench.worker.submitted) {
          const finished = { reason: "stop" as const, completionTokens: 1 };
          bench.worker.step({ id, started: { promptTokens: 1, cachedTokens: 0 }, tokens: [1], text: "x", finished });
        }
        await Promise.all([...good, ...bad].map(({ ended }) => ended));
        expect(good.map(({ outcome }) => outcome)).toEqual(good.map(() => "done"));
        expect(bad.map(errorOf)).toEqual(bad.map(() => expect.any(InvalidSamplingError)));
        expect(bench.engine.counts).toEqual({ requests: 0, submissions: 0 });
      }),
      { numRuns: 30 },
    );
  });
});

describe("a question that can't be handed to the engine's process", () => {
  const chat = { type: "chat" as const, messages: [], templateArguments: NO_VALUE };

  test("occupies no place, however often it is sent", async () => {
    const { engine, worker } = await createReadyBench();
    for (let count = 0; count < 300; count += 1) {
      await expect(engine.text.applyTemplate(chat)).rejects.toBeInstanceOf(InvalidSamplingError);
    }
    const tokens = engine.text.tokenize("a", { addSpecial: false, parseSpecial: true });
    worker.say({ type: "result", id: at(worker.queries, 0).id, result: { type: "tokens", tokens: Uint32Array.of(1) } });
    expect(await tokens).toEqual([1]);
  });

  test("fails when a worker has loaded, where it waited for one", async () => {
    const bench = createBench();
    const started = bench.engine.start();
    const answers = Promise.allSettled([
      bench.engine.text.applyTemplate(chat),
      bench.engine.text.countTokens({ type: "text", text: "a" }),
    ]);
    bench.worker.load();
    await started;
    bench.worker.say({ type: "result", id: at(bench.worker.queries, 0).id, result: { type: "count", count: 1 } });
    expect(await answers).toMatchObject([{ reason: expect.any(InvalidSamplingError) }, { value: 1 }]);
  });
});

test("what is nested too deep fails in front of the process for long texts, question or generation, and leaves nothing", async () => {
  const bench = await createReadyBench();
  const prompt = { type: "chat" as const, messages: [], templateArguments: DEEP };
  const question = expect(bench.engine.text.applyTemplate(prompt)).rejects.toBeInstanceOf(InvalidSamplingError);
  const bad = read(bench.engine.generate(unsendable("bad", DEEP)));
  await settle();
  for (const vocabulary of bench.vocabularies) vocabulary.load();
  await question;
  await bad.ended;
  expect(errorOf(bad)).toBeInstanceOf(InvalidSamplingError);
  expect(bench.vocabularies.flatMap(({ queries }) => queries)).toEqual([]);
  expect(bench.engine.counts).toEqual({ requests: 0, submissions: 0 });
});

test("an item that can't be handed to the process that makes embeddings fails its request alone", async () => {
  const bench = createEmbedderBench();
  const given = texts(["a"]);
  const bad = bench.embedder.embed({ ...given, items: [{ type: "text", text: (() => "x") as unknown as string }] });
  const failed = expect(bad).rejects.toBeInstanceOf(InvalidSamplingError);
  const good = bench.embedder.embed(given);
  bench.worker.load();
  await failed;
  bench.worker.answer(1, 2);
  expect((await good).vectors).toEqual([Float32Array.of(1, 2)]);
});

describe("what a lifecycle's callback throws", () => {
  test("of a listener is logged and affects nothing else", async () => {
    const { logger, lines } = createLogSpy();
    const bench = createBench({}, logger);
    let told = 0;
    bench.engine.onStateChange(() => {
      throw new Error("a listener's own mistake");
    });
    bench.engine.onStateChange((state) => {
      if (state === "ready") told += 1;
    });
    const started = bench.engine.start();
    expect(() => bench.worker.load()).not.toThrow();
    await started;
    expect(told).toBe(1);
    expect(lines).toContainEqual(expect.objectContaining({ level: 50, occasion: "state" }));
  });

  test("affects only its own request, and no other of the same step", async () => {
    const { engine, worker } = await createReadyBench();
    const [first, second] = [read(engine.generate(saying("a"))), read(engine.generate(saying("b")))];
    await settle();
    const [a, b] = [at(worker.submitted, 0), at(worker.submitted, 1)];
    const started = { promptTokens: 1, cachedTokens: 0 };
    // More tokens than a call can have arguments: taking them in throws.
    const many = Array.from({ length: 500_000 }, () => 1);
    worker.step(
      { id: a.id, started, tokens: many, text: "x" },
      { id: b.id, started, tokens: [1], text: "y", finished: { reason: "stop", completionTokens: 1 } },
    );
    await Promise.all([first.ended, second.ended]);
    expect(errorOf(first)).toBeInstanceOf(RangeError);
    expect(second.outcome).toBe("done");
    expect(engine.counts).toEqual({ requests: 0, submissions: 0 });
  });

  test("in a timer does not end the gateway", async () => {
    const { logger, lines } = createLogSpy();
    const bench = await createReadyBench({ restartDelayMs: 10 }, logger);
    const worker = bench.worker;
    worker.kill = () => {
      throw new Error("no such process");
    };
    for (let look = 0; look < 12; look += 1) expect(() => bench.clock.advance(1_500)).not.toThrow();
    expect(lines).toContainEqual(expect.objectContaining({ level: 50, occasion: "timer" }));
    expect(worker).toBeInstanceOf(FakeWorker);
  });
});
