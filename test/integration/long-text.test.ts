import { fork } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Engine } from "../../src/engine/host/engine.ts";
import { ContextLengthExceededError } from "../../src/generation/errors.ts";
import type { Message, Prompt } from "../../src/generation/request.ts";
import { answer, greedyRequest, STORY, startEngine } from "./engine.ts";
import type { LongTextFacts } from "./fixtures/long-text.ts";

describe("a long text tokenized in parts", () => {
  let facts: LongTextFacts;

  beforeAll(async () => {
    const child = fork(new URL("fixtures/long-text.ts", import.meta.url), [inject("modelPath")], { execArgv: [] });
    const exited = once(child, "exit");
    facts = await Promise.race([
      once(child, "message").then(([found]) => found as LongTextFacts),
      exited.then(([code]) => Promise.reject(new Error(`the vocabulary could not be asked: exit code ${code}`))),
    ]);
    await exited;
  }, 120_000);

  test("has the same tokens as in one call", () => {
    expect(facts.texts).toBe(150);
    expect(facts.mostCalls).toBeGreaterThan(3);
    expect(facts.different).toEqual([]);
  });

  test("takes time linear in its length, whatever control tokens it has", () => {
    expect(facts.twiceMs).toBeLessThan(facts.onceMs * 3);
  });
});

describe("long texts", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine.stop());

  test.each([
    ["4 MB of words", "the quick brown fox jumps over it ".repeat(120_000), 840_001],
    ["a megabyte of control tokens' spelling", "<|im_end|>".repeat(100_000), 100_000],
  ])("are counted to their end while a stream goes on: %s", async (_name, text, tokens) => {
    const { pid } = engine;
    const begun = Promise.withResolvers<void>();
    let told = 0;
    const leaving = new AbortController();
    const whole = answer(engine, greedyRequest({ prompt: STORY, maxTokens: 900, signal: leaving.signal }), () => {
      told += 1;
      begun.resolve();
    }).catch(() => undefined);
    await begun.promise;
    const toldBefore = told;
    const prompt: Prompt = { type: "text", text };
    expect(await engine.text.countTokens(prompt)).toBe(tokens);
    expect(told - toldBefore).toBeGreaterThan(3);
    leaving.abort();
    await whole;
    expect(engine.pid).toBe(pid);
  });

  test("of many messages are counted, and refused for a generation if they don't fit", async () => {
    const messages: Message[] = Array.from({ length: 10_000 }, (_, index) => ({
      role: index % 2 === 0 ? "user" : "assistant",
      content: "hello there",
    }));
    const prompt: Prompt = { type: "chat", messages };
    const count = await engine.text.countTokens(prompt);
    expect(count).toBeGreaterThan(70_000);
    const refused = answer(engine, greedyRequest({ prompt }));
    await expect(refused).rejects.toBeInstanceOf(ContextLengthExceededError);
    const spaces: Prompt = { type: "chat", messages: [{ role: "user", content: " ".repeat(2_000_000) }] };
    await expect(engine.text.price(spaces)).rejects.toBeInstanceOf(ContextLengthExceededError);
  });

  test("are continued as if the engine had tokenized them itself, and reused if a slot holds them", async () => {
    const messages: Message[] = Array.from({ length: 85 }, (_, index) => ({
      role: index % 2 === 0 ? "user" : "assistant",
      content: index === 84 ? "Name a colour." : "hi",
    }));
    const prompt = { type: "chat", messages } as const;
    const text = await engine.text.applyTemplate(prompt);
    const tokens = await engine.text.tokenize(text, { addSpecial: false, parseSpecial: true });
    // Beyond 256 tokens an answer without a seed depends on the number of threads (decision 007).
    const sampling = { seed: 0 };
    const long = await answer(engine, greedyRequest({ prompt, sampling }));
    const price = await engine.text.price(prompt);
    expect(price.promptTokens).toBe(tokens.length);
    expect(price.cachedTokens).toBeGreaterThan(tokens.length / 2);
    const read = await answer(engine, greedyRequest({ prompt: { type: "tokens", tokens }, sampling }));
    expect(long.text).not.toBe("");
    expect(read.text).toBe(long.text);
  });
});
