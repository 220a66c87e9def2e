import { expect, test, vi } from "vitest";
import type { Rejection } from "../../../src/engine/contract/messages.ts";
import { UnreadTextError } from "../../../src/engine/host/errors.ts";
import {
  ContextLengthExceededError,
  InvalidSamplingError,
  UnrenderablePromptError,
} from "../../../src/generation/errors.ts";
import type { Observe, Spent } from "../../../src/generation/news.ts";
import { at, createBench, createReadyBench, errorOf, read, requestOf, settle, textOf } from "./helpers.ts";

const NOTHING = { requests: 0, submissions: 0 };
const started = { promptTokens: 12, cachedTokens: 3 };

test("a generation has one start, its texts and one end", async () => {
  const { engine, worker } = await createReadyBench();
  const reading = read(
    engine.generate(requestOf({ maxTokens: 7, stop: ["\n"], seed: 5, said: { sampling: { seed: 5 }, stop: ["\n"] } })),
  );
  await settle();
  expect(worker.submitted).toEqual([
    {
      id: 1,
      tenant: "local",
      priority: "default",
      prompt: { type: "chat", messages: [{ role: "user", content: "hi" }] },
      maxTokens: 7,
      stop: ["\n"],
      sampling: expect.objectContaining({ temperature: 0, seed: 5 }),
      reproducible: true,
      replay: [],
    },
  ]);
  worker.step({ id: 1, started, tokens: [10], text: "" });
  await settle();
  worker.step({ id: 1, tokens: [11], text: "Hel" });
  await settle();
  worker.step({ id: 1, tokens: [12], text: "lo", finished: { reason: "stop", completionTokens: 3, stopString: "\n" } });
  await reading.ended;
  expect(reading.events).toEqual([
    { type: "started", ...started },
    { type: "text", choice: 0, text: "Hel" },
    { type: "text", choice: 0, text: "lo" },
    { type: "finished", choice: 0, reason: "stop", completionTokens: 3, stopString: "\n" },
  ]);
  expect(reading.outcome).toBe("done");
  expect(engine.counts).toEqual(NOTHING);
  expect(worker.cancelled).toEqual([]);
});

test("the observer of a request gets the times of each choice in the engine", async () => {
  const { engine, worker } = await createReadyBench();
  const heard: unknown[] = [];
  const reading = read(engine.generate(requestOf({ choices: 2, observe: (news) => heard.push(news) })));
  await settle();
  const times = { waitingMs: 1, prefillMs: 20, prefillTokens: 9, decodeMs: 300, decodeTokens: 2, computeMs: 90 };
  worker.step({ id: 2, started, tokens: [1], text: "b", finished: { reason: "stop", completionTokens: 1 }, times });
  worker.step({ id: 1, started, tokens: [1], text: "a", finished: { reason: "stop", completionTokens: 1 } });
  await reading.ended;
  expect(heard).toEqual([{ type: "evaluated", choice: 1, evaluation: times }]);
});

test("n choices are n sequences with consecutive seeds, which wrap at 32 bits, and one start", async () => {
  const { engine, worker } = await createReadyBench();
  const reading = read(engine.generate(requestOf({ choices: 3, seed: 0xffff_ffff })));
  await settle();
  expect(worker.submitted.map(({ id, sampling }) => [id, sampling.seed])).toEqual([
    [1, 0xffff_ffff],
    [2, 0],
    [3, 1],
  ]);
  worker.step({ id: 1, started, tokens: [1], text: "a" }, { id: 2, started, tokens: [1], text: "b" });
  worker.step(
    { id: 1, tokens: [2], text: "A", finished: { reason: "stop", completionTokens: 2 } },
    { id: 3, started: { promptTokens: 12, cachedTokens: 12 }, tokens: [1], text: "c" },
  );
  worker.step(
    { id: 2, tokens: [2], text: "B", finished: { reason: "length", completionTokens: 2 } },
    { id: 3, tokens: [2], text: "C", finished: { reason: "stop", completionTokens: 2 } },
  );
  await reading.ended;
  expect(reading.events.filter((event) => event.type === "started")).toEqual([{ type: "started", ...started }]);
  expect([0, 1, 2].map((choice) => textOf(reading.events, choice))).toEqual(["aA", "bB", "cC"]);
  expect(reading.events.filter((event) => event.type === "finished")).toHaveLength(3);
});

test("a request without a seed gets a random uint32", async () => {
  const { engine, worker } = await createReadyBench();
  for (let count = 0; count < 20; count += 1) read(engine.generate(requestOf()));
  await settle();
  const seeds = worker.submitted.map(({ sampling }) => sampling.seed);
  expect(new Set(seeds).size).toBeGreaterThan(15);
  for (const seed of seeds) expect(seed).toBe(seed >>> 0);
  expect(worker.submitted.some(({ reproducible }) => reproducible)).toBe(false);
});

test("a request that arrives while the model loads waits for it", async () => {
  const { engine, workers } = createBench();
  void engine.start();
  const reading = read(engine.generate(requestOf()));
  await settle();
  expect(at(workers, 0).submitted).toEqual([]);
  at(workers, 0).load();
  expect(at(workers, 0).submitted).toHaveLength(1);
  at(workers, 0).step({ id: 1, started, tokens: [1], text: "a", finished: { reason: "stop", completionTokens: 1 } });
  await reading.ended;
  expect(textOf(reading.events)).toBe("a");
});

test.each<[Rejection, new (...args: never[]) => Error, string]>([
  [
    { code: "context_length_exceeded", promptTokens: 99, contextTokens: 64, atLeast: false },
    ContextLengthExceededError,
    "maximum context length is 64 tokens. However, your messages resulted in 99 tokens",
  ],
  [{ code: "unrenderable_prompt", reason: "roles must alternate" }, UnrenderablePromptError, "roles must alternate"],
  [{ code: "invalid_sampling", field: "logitBias", reason: "no token 9" }, InvalidSamplingError, "no token 9"],
  [{ code: "failed", reason: "no KV cell is free" }, Error, "no KV cell is free"],
])("a rejection becomes its error: %j", async (rejection, type, words) => {
  const { engine, worker } = await createReadyBench();
  const reading = read(engine.generate(requestOf()));
  await settle();
  worker.say({ type: "rejected", id: 1, rejection });
  await reading.ended;
  expect(errorOf(reading)).toBeInstanceOf(type);
  expect(String(errorOf(reading))).toContain(words);
  expect(engine.counts).toEqual(NOTHING);
  expect(worker.cancelled).toEqual([]);
});

test("when one choice is rejected the others are cancelled", async () => {
  const { engine, worker } = await createReadyBench();
  const reading = read(engine.generate(requestOf({ choices: 3 })));
  await settle();
  worker.say({ type: "rejected", id: 2, rejection: { code: "failed", reason: "no" } });
  await reading.ended;
  expect(worker.cancelled).toEqual([1, 3]);
  expect(engine.counts).toEqual(NOTHING);
});

test("an abort cancels the unfinished sequences at once and throws the signal's reason", async () => {
  const { engine, worker } = await createReadyBench();
  const controller = new AbortController();
  const reading = read(engine.generate(requestOf({ choices: 2, signal: controller.signal })));
  await settle();
  worker.step({ id: 1, started, tokens: [1], text: "a", finished: { reason: "stop", completionTokens: 1 } });
  const reason = new Error("client gone");
  controller.abort(reason);
  expect(worker.cancelled).toEqual([2]);
  expect(engine.counts).toEqual(NOTHING);
  await reading.ended;
  expect(errorOf(reading)).toBe(reason);
  worker.step({ id: 2, tokens: [1], text: "late" });
});

test("leaving early reports the tokens that were spent but not delivered: held back, unread, or the prompt's", async () => {
  const { engine, worker } = await createReadyBench();
  const spent: Spent[] = [];
  const observe: Observe = (news) => void (news.type === "left" && spent.push(news.spent));
  const iterator = engine.generate(requestOf({ choices: 2, observe }))[Symbol.asyncIterator]();
  const first = iterator.next();
  worker.step({ id: 1, started, tokens: [1], text: "a" });
  expect(await first).toMatchObject({ value: { type: "started" } });
  worker.step({ id: 1, tokens: [2, 3], text: "", finished: { reason: "stop", completionTokens: 3 } });
  worker.step({ id: 2, tokens: [4], text: "" });
  await iterator.return?.();

  const unheard = engine.generate(requestOf({ observe }))[Symbol.asyncIterator]();
  const never = unheard.next();
  void unheard.return?.();
  await never;
  expect(spent).toEqual([{ prompt: 0, cached: 0, completion: 4 }]);
});

test("reading to the end reports no undelivered tokens", async () => {
  const { engine, worker } = await createReadyBench();
  const observe = vi.fn();
  const reading = read(engine.generate(requestOf({ observe })));
  await settle();
  worker.step({ id: 1, started, tokens: [1, 2], text: "ab", finished: { reason: "stop", completionTokens: 2 } });
  await reading.ended;
  expect(observe).not.toHaveBeenCalledWith(expect.objectContaining({ type: "left" }));
});

test("an aborted request is never submitted", async () => {
  const { engine, worker } = await createReadyBench();
  const reading = read(engine.generate(requestOf({ signal: AbortSignal.abort("too late") })));
  await reading.ended;
  expect(errorOf(reading)).toBe("too late");
  expect(worker.submitted).toEqual([]);
});

test("a request aborted before the model has loaded is not submitted", async () => {
  const { engine, workers } = createBench();
  void engine.start();
  const controller = new AbortController();
  const reading = read(engine.generate(requestOf({ signal: controller.signal })));
  await settle();
  controller.abort();
  await reading.ended;
  at(workers, 0).load();
  expect(at(workers, 0).submitted).toEqual([]);
  expect(engine.counts).toEqual(NOTHING);
});

test("nothing is submitted before the generation is iterated", async () => {
  const { engine, worker } = await createReadyBench();
  const generation = engine.generate(requestOf());
  await settle();
  expect(worker.submitted).toEqual([]);
  generation[Symbol.asyncIterator]();
  await settle();
  expect(worker.submitted).toEqual([]);
});

test("leaving the loop cancels the sequence at once", async () => {
  const { engine, worker } = await createReadyBench();
  const iterator = engine.generate(requestOf())[Symbol.asyncIterator]();
  const next = iterator.next();
  expect(worker.submitted).toHaveLength(1);
  void iterator.return?.();
  expect(worker.cancelled).toEqual([1]);
  expect(await next).toEqual({ done: true, value: undefined });
  expect(engine.counts).toEqual(NOTHING);
});

test("a slow reader gets all of the text in a few pieces", async () => {
  const { engine, worker } = await createReadyBench();
  const iterator = engine.generate(requestOf())[Symbol.asyncIterator]();
  const first = iterator.next();
  worker.step({ id: 1, started, tokens: [0], text: "" });
  await first;
  for (let token = 1; token <= 1_000; token += 1) worker.step({ id: 1, tokens: [token], text: `${token} ` });
  worker.step({ id: 1, tokens: [], text: "end", finished: { reason: "stop", completionTokens: 1_001 } });
  const texts: string[] = [];
  for await (const event of { [Symbol.asyncIterator]: () => iterator })
    if (event.type === "text") texts.push(event.text);
  expect(texts).toHaveLength(1);
  expect(texts.join("")).toBe(`${Array.from({ length: 1_000 }, (_, index) => `${index + 1} `).join("")}end`);
});

test("a reader that never reads is cancelled when too much text is unread, and the others continue", async () => {
  const { engine, worker } = await createReadyBench({ maxUnreadChars: 100 });
  const lazy = engine.generate(requestOf())[Symbol.asyncIterator]();
  const first = lazy.next();
  const reading = read(engine.generate(requestOf()));
  await settle();
  worker.step({ id: 1, started, tokens: [0], text: "" });
  await first;
  for (let token = 0; token < 11; token += 1) {
    worker.step({ id: 1, tokens: [token], text: "0123456789" }, { id: 2, tokens: [token], text: "0123456789" });
    await settle();
  }
  expect(worker.cancelled).toEqual([1]);
  await expect(lazy.next()).rejects.toBeInstanceOf(UnreadTextError);
  worker.step({ id: 2, tokens: [], text: "", finished: { reason: "stop", completionTokens: 11 } });
  await reading.ended;
  expect(textOf(reading.events)).toHaveLength(110);
  expect(engine.counts).toEqual(NOTHING);
});

test("a finished generation no longer listens to its signal", async () => {
  const { engine, worker } = await createReadyBench();
  const controller = new AbortController();
  const reading = read(engine.generate(requestOf({ signal: controller.signal })));
  await settle();
  worker.step({ id: 1, started, tokens: [1], text: "a", finished: { reason: "stop", completionTokens: 1 } });
  await reading.ended;
  controller.abort();
  expect(reading.outcome).toBe("done");
  expect(worker.cancelled).toEqual([]);
});

test("the worker gets the options of a request, and of its tools only the descriptions", async () => {
  const { engine, worker } = await createReadyBench();
  const grammar = { gbnf: 'root ::= "a"', triggers: ["<call>"] };
  const tools = [{ name: "now" }];
  const output = { type: "grammar" as const, grammar };
  const use = { tools, choice: "auto" as const, allowed: undefined, parallel: true };
  read(engine.generate(requestOf({ logprobs: 2, output, tools: use, showControlTokens: true })));
  await settle();
  expect(at(worker.submitted, 0)).toMatchObject({ logprobs: 2, grammar, tools, showControlTokens: true });
});

test("the worker gets the tenant and the priority of a request", async () => {
  const { engine, worker } = await createReadyBench();
  read(engine.generate(requestOf({ terms: { tenant: "key 7", priority: "batch", maxWaitMs: 9 } })));
  await settle();
  expect(at(worker.submitted, 0)).toMatchObject({ tenant: "key 7", priority: "batch" });
  expect(at(worker.submitted, 0)).not.toHaveProperty("maxWaitMs");
});

test("an output format without a grammar is an error", async () => {
  const { engine, worker } = await createReadyBench();
  const reading = read(engine.generate(requestOf({ output: { type: "json" } })));
  await reading.ended;
  expect(errorOf(reading)).toMatchObject({ message: expect.stringContaining("a layer must make one of") });
  expect(worker.submitted).toEqual([]);
  expect(engine.counts).toEqual(NOTHING);
});

test("log-probabilities come with their text", async () => {
  const { engine, worker } = await createReadyBench();
  const reading = read(engine.generate(requestOf({ logprobs: 0 })));
  await settle();
  const logprobs = [{ token: 11, bytes: [97], logprob: -0.5, top: [] }];
  worker.step({ id: 1, started, tokens: [11], text: "a", logprobs });
  await settle();
  worker.step({ id: 1, tokens: [12], text: "", logprobs, finished: { reason: "stop", completionTokens: 2 } });
  await reading.ended;
  expect(reading.events.slice(1, 3)).toEqual([
    { type: "text", choice: 0, text: "a", logprobs },
    { type: "text", choice: 0, text: "", logprobs },
  ]);
});
