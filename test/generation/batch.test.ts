import { describe, expect, it } from "vitest";
import { generateBatch } from "../../src/generation/batch.ts";
import { ContextLengthExceededError, OverloadedError, RateLimitedError } from "../../src/generation/errors.ts";
import type { Generate } from "../../src/generation/layer.ts";
import type { Prompt } from "../../src/generation/request.ts";
import { aborted, collect, generationRequest } from "../fixtures/generation.ts";

const PROMPTS: readonly Prompt[] = ["a", "b", "c"].map((text) => ({ type: "text", text }));

function textOf(prompt: Prompt): string {
  return prompt.type === "text" ? prompt.text : "";
}

/** Answers each choice with the prompt's own text. */
const echo: Generate = async function* ({ prompt, choices }) {
  yield { type: "started", promptTokens: 1, cachedTokens: 0 };
  for (let choice = 0; choice < choices; choice++) {
    yield { type: "text", choice, text: `${textOf(prompt)}${choice}` };
    yield { type: "finished", choice, reason: "stop", completionTokens: 1 };
  }
};

/** Fails for each prompt with what is told for its text, the others answer. */
function failing(errors: Readonly<Record<string, () => Promise<Error> | Error>>): Generate {
  return async function* (request) {
    const error = errors[textOf(request.prompt)];
    if (error !== undefined) throw await error();
    yield* echo(request);
  };
}

describe("a batch of prompts of which one is refused", () => {
  const busy = () => new OverloadedError("busy", 1_000);
  const limited = () => new RateLimitedError("Too many.", 1_000);
  const tooLong = new ContextLengthExceededError(9_000, 8_192);

  it("tells of a fault that lasts, whichever prompt has it, and when it is known", async () => {
    const known = Promise.withResolvers<Error>();
    for (const late of [() => tooLong, () => known.promise]) {
      for (const early of [busy, limited]) {
        for (const prompts of [PROMPTS, PROMPTS.toReversed()]) {
          const told = collect(generateBatch(failing({ a: early, c: late }), generationRequest(), prompts));
          queueMicrotask(() => known.resolve(tooLong));
          await expect(told).rejects.toBe(tooLong);
        }
      }
    }
  });

  it("is refused where the others have no fault, or all are refused", async () => {
    for (const errors of [{ b: busy }, { a: busy, b: busy, c: busy }]) {
      const told = collect(generateBatch(failing(errors), generationRequest(), PROMPTS));
      await expect(told).rejects.toThrow(OverloadedError);
    }
  });

  it("is refused where another says nothing for long, or when nobody waits any more", async () => {
    const never = failing({ a: busy, b: () => new Promise<Error>(() => {}) });
    await expect(collect(generateBatch(never, generationRequest(), PROMPTS, 1))).rejects.toThrow(OverloadedError);
    const request = generationRequest({ signal: AbortSignal.abort(new Error("left")) });
    await expect(collect(generateBatch(never, request, PROMPTS))).rejects.toThrow(OverloadedError);
  });
});

describe("a batch of prompts", () => {
  it("numbers the choices prompt by prompt", async () => {
    const events = await collect(generateBatch(echo, generationRequest({ choices: 2 }), PROMPTS));
    const texts = events.filter((event) => event.type === "text");
    expect(texts.sort((one, other) => one.choice - other.choice).map(({ text }) => text)).toEqual([
      ...["a0", "a1", "b0", "b1", "c0", "c1"],
    ]);
    expect(events.filter(({ type }) => type === "started")).toHaveLength(3);
  });

  it("hands on what comes when it comes, whichever prompt it is of", async () => {
    const gate = Promise.withResolvers<void>();
    const generate: Generate = async function* ({ prompt }) {
      if (textOf(prompt) === "a") await gate.promise;
      yield { type: "text", choice: 0, text: textOf(prompt) };
    };
    const events = generateBatch(generate, generationRequest(), PROMPTS)[Symbol.asyncIterator]();
    const early = [await events.next(), await events.next()];
    expect(early.map(({ value }) => value)).toMatchObject([
      { choice: 1, text: "b" },
      { choice: 2, text: "c" },
    ]);
    gate.resolve();
    expect((await events.next()).value).toMatchObject({ choice: 0, text: "a" });
    expect((await events.next()).done).toBe(true);
  });

  it("asks no generation for more than was taken of it", async () => {
    let made = 0;
    const generate: Generate = async function* () {
      while (true) {
        made += 1;
        yield { type: "text", choice: 0, text: "x" };
      }
    };
    const events = generateBatch(generate, generationRequest(), PROMPTS)[Symbol.asyncIterator]();
    for (let taken = 0; taken < 9; taken++) await events.next();
    expect(made).toBeLessThanOrEqual(9 + PROMPTS.length);
    await events.return?.();
  });

  it("cancels the others when one fails, and throws its error", async () => {
    const cancelled = { a: Promise.withResolvers<void>(), c: Promise.withResolvers<void>() };
    const generate: Generate = async function* ({ prompt, signal }) {
      yield { type: "started", promptTokens: 1, cachedTokens: 0 };
      if (textOf(prompt) === "b") throw new Error("too long");
      await aborted(signal);
      (textOf(prompt) === "a" ? cancelled.a : cancelled.c).resolve();
    };
    await expect(collect(generateBatch(generate, generationRequest(), PROMPTS))).rejects.toThrow("too long");
    await Promise.all([cancelled.a.promise, cancelled.c.promise]);
  });

  it("is cancelled with the request", async () => {
    const client = new AbortController();
    const generate: Generate = async function* ({ signal }) {
      yield { type: "started", promptTokens: 1, cachedTokens: 0 };
      await aborted(signal);
      throw signal.reason;
    };
    const collected = collect(generateBatch(generate, generationRequest({ signal: client.signal }), PROMPTS));
    client.abort();
    await expect(collected).rejects.toThrow("aborted");
  });

  it("of one prompt is that prompt's generation, with nothing around it", () => {
    const events = echo(generationRequest());
    expect(generateBatch(() => events, generationRequest(), PROMPTS.slice(0, 1))).toBe(events);
  });
});
