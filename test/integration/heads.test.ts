import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/host/engine.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { greedyRequest, startEngine } from "./engine.ts";

const SYSTEM = "You keep the records of a small library by the sea, and answer in one plain sentence.";

const question = (content: string, system = SYSTEM, seed?: number) =>
  greedyRequest({
    prompt: {
      type: "chat",
      messages: [
        { role: "system", content: system },
        { role: "user", content },
      ],
    },
    maxTokens: 8,
    logprobs: 5,
    ...(seed !== undefined && { sampling: { temperature: 1, seed } }),
  });

describe("a system text that is shorter than a chunk", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine.stop());

  async function ask(request: GenerationRequest) {
    let cachedTokens = 0;
    const logprobs: unknown[] = [];
    for await (const event of engine.generate(request)) {
      if (event.type === "started") cachedTokens = event.cachedTokens ?? 0;
      if (event.type === "text") logprobs.push(...(event.logprobs ?? []));
    }
    return { cachedTokens, logprobs };
  }

  /** There is no prefix store here, so afterwards no slot has anything from before. */
  async function forgetAll(): Promise<void> {
    const others = ["the moon", "bread", "a bicycle", "snow"];
    await Promise.all(
      others.map((thing) => ask(question(`Describe ${thing}.`, `All that counts is ${thing}. `.repeat(6)))),
    );
  }

  test.each([
    ["greedy", undefined],
    ["with a seed", 7],
  ])("is evaluated once for all questions, and no bit of an answer changes by it: %s", async (_, seed) => {
    const asked = () => ask(question("Who borrowed the atlas last week, and is it late?", SYSTEM, seed));
    await forgetAll();
    const alone = await asked();
    await forgetAll();
    await ask(question("Is the reading room open on Sunday?", SYSTEM, seed));
    const after = await asked();
    expect(alone.cachedTokens).toBeLessThan(16);
    expect(after.cachedTokens).toBeGreaterThan(16);
    expect(after.logprobs).toEqual(alone.logprobs);
  });
});
