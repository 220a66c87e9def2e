import { describe, expect, it } from "vitest";
import {
  BeyondLimitError,
  ContextLengthExceededError,
  OverloadedError,
  RateLimitedError,
  UnrenderablePromptError,
} from "../../src/generation/errors.ts";
import { compose, type Generate } from "../../src/generation/layer.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { isClientsFault } from "../../src/http/errors.ts";
import { tellLastingFirst } from "../../src/queue/lasting-first.ts";
import { createFakeClock } from "../fake-clock.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";

const CONTEXT = 4_096;
const overloaded = new OverloadedError("The server already has 256 requests in progress.", 1_000);
const tooLong = new ContextLengthExceededError(12_030, CONTEXT);
const LONG: Partial<GenerationRequest> = {
  prompt: { type: "chat", messages: [{ role: "user", content: "hello ".repeat(12_000) }] },
};

/** A model that refuses for what may change, whose engine finds `fault`, or answers when it is let to. */
function createBench(refusal: unknown = overloaded, fault?: unknown) {
  const clock = createFakeClock();
  let questions = 0;
  const answers: (() => void)[] = [];
  let isSlow = false;
  const price: Generate = async function* () {
    questions += 1;
    if (isSlow) await new Promise<void>((resolve) => answers.push(resolve));
    if (fault !== undefined) throw fault;
    yield { type: "started", promptTokens: 9, cachedTokens: 0 };
  };
  const layer = tellLastingFirst({ price, contextTokens: () => CONTEXT, isLasting: isClientsFault, clock });
  const generate = compose([layer], async function* () {
    yield* [];
    throw refusal;
  });
  return {
    clock,
    questions: () => questions,
    beSlow: () => {
      isSlow = true;
      return () => {
        for (const answer of answers.splice(0)) answer();
      };
    },
    ask: (overrides: Partial<GenerationRequest> = {}, tenant = "a") =>
      collect(generate(generationRequest({ terms: { tenant, priority: "default" }, ...overrides }))).then(
        () => expect.unreachable(),
        (error: unknown) => error,
      ),
  };
}

describe("a request with a temporary refusal", () => {
  it.each<[string, unknown, unknown, Partial<GenerationRequest>]>([
    ["is too long for the context", overloaded, tooLong, LONG],
    [
      "is too long, and over its key's limit by the minute",
      new RateLimitedError("Rate limit reached.", 1_000),
      tooLong,
      LONG,
    ],
    ["is too long, and more than its key's limit", new BeyondLimitError("Request too large.", "tokens"), tooLong, LONG],
    [
      "has messages that the template refuses",
      overloaded,
      new UnrenderablePromptError("roles must alternate"),
      {
        prompt: {
          type: "chat",
          messages: [
            { role: "user", content: "Hi" },
            { role: "user", content: "Hi" },
          ],
        },
      },
    ],
    [
      "has a schema that no grammar can be made of",
      overloaded,
      new UnsupportedSchemaError("response_format", "not", "it can't"),
      {
        output: { type: "schema", schema: { not: {} } },
      },
    ],
  ])("is told its lasting fault instead, where it %s", async (_, refusal, fault, request) => {
    expect(await createBench(refusal, fault).ask(request)).toBe(fault);
  });

  it("gets the refusal if it has no lasting error", async () => {
    expect(await createBench().ask(LONG)).toBe(overloaded);
  });

  it("isn't checked by the engine if it certainly fits", async () => {
    const { ask, questions } = createBench();
    expect(await ask()).toBe(overloaded);
    expect(questions()).toBe(0);
  });

  it("doesn't get an internal error of the engine", async () => {
    expect(await createBench(overloaded, new Error("defect")).ask(LONG)).toBe(overloaded);
    expect(await createBench(overloaded, new OverloadedError("256 questions in hand.", 1_000)).ask(LONG)).toBe(
      overloaded,
    );
  });
});

it("refuses a prompt that can't fit with any vocabulary before anything else", async () => {
  const { ask, questions } = createBench(new Error("unreachable"));
  const content = "hello ".repeat(500_000);
  const error = await ask({ prompt: { type: "chat", messages: [{ role: "user", content }] } });
  expect(error).toBeInstanceOf(ContextLengthExceededError);
  expect(String(error)).toMatch(
    /maximum context length is 4096 tokens. However, your messages resulted in at least \d+ tokens/,
  );
  expect(questions()).toBe(0);
});

it("waits at most a few seconds for the engine, and then reports the refusal", async () => {
  const { ask, beSlow, clock } = createBench(overloaded, tooLong);
  const answer = beSlow();
  const refused = ask(LONG);
  await new Promise(setImmediate);
  clock.advance(5_000);
  expect(await refused).toBe(overloaded);
  answer();
  await new Promise(setImmediate);
  expect(clock.pending).toBe(0);
});

it("asks few questions at once, fewer for one tenant, and reports the other refusals at once", async () => {
  const { ask, beSlow, questions } = createBench(overloaded, tooLong);
  const answer = beSlow();
  const first = [ask(LONG), ask(LONG)];
  expect(await ask(LONG)).toBe(overloaded);
  const others = Array.from({ length: 6 }, (_, index) => ask(LONG, `tenant ${index}`));
  expect(await ask(LONG, "one more")).toBe(overloaded);
  expect(questions()).toBe(8);
  await new Promise(setImmediate);
  answer();
  expect(new Set(await Promise.all([...first, ...others]))).toEqual(new Set([tooLong]));
  const again = ask(LONG);
  await new Promise(setImmediate);
  answer();
  expect(await again).toBe(tooLong);
});

it("passes answers on unchanged, and leaves the engine when it is left", async () => {
  let isLeft = false;
  const layer = tellLastingFirst({
    price: () => expect.unreachable(),
    contextTokens: () => CONTEXT,
    isLasting: isClientsFault,
    clock: createFakeClock(),
  });
  const events = compose([layer], async function* () {
    try {
      yield { type: "started", promptTokens: 3, cachedTokens: 0 } as const;
      yield { type: "text", choice: 0, text: "a" } as const;
      throw overloaded;
    } finally {
      isLeft = true;
    }
  })(generationRequest(LONG))[Symbol.asyncIterator]();
  expect((await events.next()).value).toMatchObject({ type: "started" });
  expect((await events.next()).value).toMatchObject({ type: "text" });
  await expect(events.next()).rejects.toBe(overloaded);
  expect(isLeft).toBe(true);
});

it("reports the refusal if the model can't be asked", async () => {
  const layer = tellLastingFirst({
    price: () => undefined,
    contextTokens: () => undefined,
    isLasting: isClientsFault,
    clock: createFakeClock(),
  });
  const generate = compose([layer], async function* () {
    yield* [];
    throw overloaded;
  });
  await expect(collect(generate(generationRequest()))).rejects.toBe(overloaded);
});
