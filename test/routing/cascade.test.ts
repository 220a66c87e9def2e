import { describe, expect, it } from "vitest";
import type { Backend } from "../../src/generation/backend.ts";
import { OverloadedError } from "../../src/generation/errors.ts";
import type { GenerationEvent, SampledLogprob } from "../../src/generation/event.ts";
import type { Generate } from "../../src/generation/layer.ts";
import type { News, RouteNews } from "../../src/generation/news.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import type { Cascade } from "../../src/routing/cascade.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import { route } from "../../src/routing/route.ts";
import { answerRoutes } from "../../src/routing/routed.ts";
import { createFakeClock } from "../fake-clock.ts";
import { generationRequest } from "../fixtures/generation.ts";
import { servedModel } from "../fixtures/served-model.ts";

const score = (text: string, logprob: number): SampledLogprob => ({ bytes: [...Buffer.from(text)], logprob, top: [] });

type Piece = readonly [text: string, logprob: number];

/** Says these tokens, with log-probabilities if they are wanted. */
function says(pieces: readonly Piece[], notes: { taken: number; requests: GenerationRequest[] } = open()): Generate {
  return async function* (request) {
    notes.requests.push(request);
    yield { type: "started", promptTokens: 5 };
    for (const [text, logprob] of pieces) {
      notes.taken += 1;
      const scores = request.logprobs === undefined ? {} : { logprobs: [score(text, logprob)] };
      yield { type: "text", choice: 0, text, ...scores };
    }
    yield { type: "finished", choice: 0, reason: "stop", completionTokens: pieces.length };
  };
}

function open() {
  return { taken: 0, requests: [] as GenerationRequest[] };
}

const LARGE: readonly Piece[] = [
  ["Lar", -0.1],
  ["ge", -0.1],
];

function cascaded(small: Generate | Partial<Backend>, cascade: Cascade, large: Generate = says(LARGE)) {
  const backends = [
    servedModel({ id: "small", ...(typeof small === "function" ? { generate: small } : small) }),
    servedModel({ id: "large", generate: large }),
  ];
  const routes = [{ name: "chat", targets: [{ model: "small" }, { model: "large" }], cascade }];
  const tenants = { namesOf: (tenant: string) => [tenant], usedShareOf: () => undefined };
  const directory = createModelDirectory(backends, { routes }, { tenants, clock: createFakeClock(), now: () => 0 });
  const layer = answerRoutes(directory.find, (request, next) => next(request));

  return async function ask(overrides: Partial<GenerationRequest> = {}) {
    const news: News[] = [];
    const events: GenerationEvent[] = [];
    const request = generationRequest({ model: "chat", observe: (one) => void news.push(one), ...overrides });
    let error: unknown;
    try {
      for await (const event of layer(request, route(directory))) events.push(event);
    } catch (thrown) {
      error = thrown;
    }
    const last = news.findLast((one): one is RouteNews => one.type === "routed");
    return {
      ...{ events, news, error },
      text: events.map((event) => (event.type === "text" ? event.text : "")).join(""),
      steps: last?.steps.map(({ target, outcome, reason }) => [target, outcome, reason].filter(Boolean).join(" ")),
      confidence: last?.steps.find(({ target }) => target === "small")?.confidence,
      discarded: news.filter(({ type }) => type === "discarded"),
    };
  };
}

describe("a cascade", () => {
  const SURE: readonly Piece[] = [
    ["Sm", -0.2],
    ["all", -0.4],
  ];
  const UNSURE: readonly Piece[] = [
    ["Sm", -0.2],
    ["all", -4],
  ];

  it("uses the small model's answer if it is sure of it, and doesn't ask the other", async () => {
    const large = open();
    const answer = await cascaded(says(SURE), { mean: -0.5, least: -1 }, says(LARGE, large))();
    expect(answer).toMatchObject({ text: "Small", steps: ["small answered", "large spare"], discarded: [] });
    expect(answer.confidence).toEqual({ mean: expect.closeTo(-0.3), least: -0.4 });
    expect(large.requests).toEqual([]);
  });

  it.each([{ mean: -1 }, { least: -2 }])(
    "asks the other if it is less sure than %o, and lets the key pay for both",
    async (cascade) => {
      const answer = await cascaded(says(UNSURE), cascade)();
      expect(answer).toMatchObject({ text: "Large", steps: ["large answered", "small failed unsure"] });
      expect(answer.confidence?.least).toBe(-4);
      expect(answer.discarded).toEqual([
        { type: "discarded", target: "small", spent: { prompt: 5, cached: 0, completion: 2 } },
      ]);
    },
  );

  it("gives log-probabilities only to clients that want them, and events in their order", async () => {
    const ask = cascaded(says(SURE), { least: -1 });
    expect((await ask()).events).toEqual([
      { type: "started", promptTokens: 5 },
      { type: "text", choice: 0, text: "Sm" },
      { type: "text", choice: 0, text: "all" },
      { type: "finished", choice: 0, reason: "stop", completionTokens: 2 },
    ]);
    const { events } = await ask({ logprobs: 0 });
    expect(events[1]).toEqual({ type: "text", choice: 0, text: "Sm", logprobs: [score("Sm", -0.2)] });
  });

  it("tells nothing before it is decided, and streams from then on if it decides after some tokens", async () => {
    const notes = open();
    const pieces = Array.from({ length: 10 }, (): Piece => ["x", -0.1]);
    const backends = [servedModel({ id: "small", generate: says(pieces, notes) }), servedModel({ id: "large" })];
    const routes = [
      { name: "chat", targets: [{ model: "small" }, { model: "large" }], cascade: { least: -1, decideAfter: 3 } },
    ];
    const directory = createModelDirectory(backends, { routes });
    const iterator = route(directory)(generationRequest({ model: "chat" }))[Symbol.asyncIterator]();
    await iterator.next();
    expect(notes.taken).toBe(3);
    await iterator.return?.();
  });

  it("decides by the first tokens only, if so many are set", async () => {
    expect((await cascaded(says(UNSURE), { least: -1, decideAfter: 1 })()).text).toBe("Small");
  });

  it("leaves a small model that is not sure before its end", async () => {
    const left: boolean[] = [];
    async function* endless({ signal }: GenerationRequest): AsyncGenerator<GenerationEvent> {
      try {
        yield { type: "started" };
        while (!signal.aborted) yield { type: "text", choice: 0, text: "x", logprobs: [score("x", -9)] };
      } finally {
        left.push(signal.aborted);
      }
    }
    expect(await cascaded(endless, { least: -1, decideAfter: 4 })()).toMatchObject({
      text: "Large",
      discarded: [{ spent: { completion: 4 } }],
    });
    expect(left).toEqual([true]);
  });

  it("holds a bounded part of an answer without an end", async () => {
    let characters = 0;
    async function* endless({ signal }: GenerationRequest): AsyncGenerator<GenerationEvent> {
      const text = "x".repeat(65_536);
      for (; !signal.aborted; characters += text.length) {
        yield { type: "text", choice: 0, text, logprobs: [score(text, -9)] };
      }
    }
    expect((await cascaded(endless, { least: -1 })()).text).toBe("Large");
    expect(characters).toBeLessThanOrEqual(2 * 1_048_576);
  });

  it("looks at the values of JSON and of calls only", async () => {
    const json: readonly Piece[] = [
      ['{"', -9],
      ["city", -9],
      ['":"', -9],
      ["Rome", -0.1],
      ['"', -0.1],
      ["}", -9],
    ];
    const output = { type: "json" } as const;
    expect((await cascaded(says(json), { least: -1 })({ output })).steps?.[0]).toBe("small answered");
    expect((await cascaded(says(json), { least: -1 })()).steps?.[0]).toBe("large answered");

    const tools = { tools: [{ name: "f" }], choice: "auto", allowed: undefined, parallel: true } as const;
    const calls = (logprob: number): Generate =>
      async function* () {
        yield {
          type: "toolCall",
          choice: 0,
          index: 0,
          id: "call_1",
          name: "f",
          logprobs: [score('{"name": "f"', -0.1)],
        };
        const logprobs = [score(', "arguments": ', -9), score('{"a":', -9), score("12", logprob), score("}}", -9)];
        yield { type: "toolArguments", choice: 0, index: 0, text: '{"a":12}', logprobs };
        yield { type: "finished", choice: 0, reason: "tool_calls" };
      };
    expect((await cascaded(calls(-0.5), { least: -1 })({ tools })).steps?.[0]).toBe("small answered");
    expect((await cascaded(calls(-1.5), { least: -1 })({ tools })).steps?.[0]).toBe("large answered");
  });

  it("takes an answer without any score, and a refusal, for unsure", async () => {
    const silent: Generate = async function* () {
      yield { type: "finished", choice: 0, reason: "stop" };
    };
    const refusing: Generate = async function* () {
      yield { type: "text", choice: 0, text: "I", logprobs: [score("I", -0.1)] };
      yield { type: "refusal", choice: 0, text: "No." };
      yield { type: "finished", choice: 0, reason: "stop" };
    };
    for (const small of [silent, refusing]) expect((await cascaded(small, { least: -1 })()).text).toBe("Large");
  });

  it("has the thresholds of the preset, if it has some", async () => {
    const ask = cascaded(says(UNSURE), { least: -1 });
    expect((await ask({ cascade: { least: -5 } })).text).toBe("Small");
    expect((await ask({ cascade: { least: -3 } })).text).toBe("Large");
  });

  it("asks each target without its own thresholds, and only the small one for scores", async () => {
    const [small, large] = [open(), open()];
    await cascaded(says(UNSURE, small), { least: -1 }, says(LARGE, large))({ cascade: { least: -1 } });
    expect(small.requests.map(({ logprobs, cascade }) => [logprobs, cascade])).toEqual([[0, undefined]]);
    expect(large.requests.map(({ logprobs, cascade }) => [logprobs, cascade])).toEqual([[undefined, undefined]]);
  });

  it("is answered by the other if the small model fails, and by the small model if it tells no log-probabilities", async () => {
    const full: Generate = async function* () {
      yield* [];
      throw new OverloadedError("No.", 1);
    };
    expect(await cascaded(full, { least: -1 })()).toMatchObject({ text: "Large", discarded: [] });
    const unable = { generate: says(UNSURE), can: { ...servedModel().can, logprobs: false } };
    // What it says can't be judged, so it answers as in any route.
    expect((await cascaded(unable, { least: -1 })()).text).toBe("Small");
  });

  it("uses the whole answer of which the small model is not sure if the other can't answer", async () => {
    const full: Generate = async function* () {
      yield* [];
      throw new OverloadedError("No.", 1);
    };
    const answer = await cascaded(says(UNSURE), { least: -1 }, full)();
    expect(answer).toMatchObject({
      ...{ text: "Small", error: undefined, discarded: [] },
      steps: ["small answered unsure", "large failed server_overloaded"],
    });
    const cut = await cascaded(says(UNSURE), { least: -1, decideAfter: 2 }, full)();
    expect(cut.error).toBeInstanceOf(OverloadedError);
    expect(cut.discarded).toHaveLength(1);
  });
});
