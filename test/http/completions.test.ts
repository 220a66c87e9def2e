import { describe, expect, it } from "vitest";
import {
  ContextLengthExceededError,
  EngineCrashedError,
  InvalidSamplingError,
  OverloadedError,
} from "../../src/generation/errors.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { error } from "../../src/protocols/openai-responses.ts";
import { aborted, modelText } from "../fixtures/generation.ts";
import { completion } from "../fixtures/openai/completions.ts";
import {
  answerWith,
  COMPLETIONS,
  createTestApp,
  jsonInit,
  loopTurn,
  MODEL_ID,
  parseCompletionChunks,
  parseFrames,
  script,
  servedModel,
} from "./support.ts";

function init(fields: Readonly<Record<string, unknown>> = {}, signal?: AbortSignal) {
  return jsonInit({ model: MODEL_ID, prompt: "Once", ...fields }, signal);
}

/** An engine that answers each prompt with its own text. */
const echoing = script(async function* ({ prompt, choices }) {
  yield* answerWith([prompt.type === "text" ? prompt.text.toUpperCase() : prompt.type], choices);
});

describe("POST /v1/completions", () => {
  it("answers whole", async () => {
    const { app, log } = createTestApp();
    const response = await app.request(COMPLETIONS, init());
    expect(response.status).toBe(200);
    expect(completion.parse(await response.json())).toMatchObject({
      model: MODEL_ID,
      choices: [{ text: "Hello there!", finish_reason: "stop" }],
      usage: { prompt_tokens: 12, completion_tokens: 4, total_tokens: 16, prompt_tokens_details: { cached_tokens: 4 } },
    });
    await loopTurn();
    expect(log).toMatchObject([{ model: MODEL_ID, path: COMPLETIONS, status: 200 }]);
  });

  it("streams", async () => {
    const { app } = createTestApp();
    const response = await app.request(COMPLETIONS, init({ stream: true }));
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const chunks = parseCompletionChunks(await response.text());
    expect(chunks.map((chunk) => chunk.choices[0]?.text).join("")).toBe("Hello there!");
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
  });

  it("answers a batch of prompts in their order, with the usage of all", async () => {
    const { app } = createTestApp({ generate: echoing });
    const response = await app.request(COMPLETIONS, init({ prompt: ["a", "b"], n: 2 }));
    const { choices, usage } = completion.parse(await response.json());
    expect(choices.map(({ index, text }) => [index, text])).toEqual([
      [0, "A"],
      [1, "A"],
      [2, "B"],
      [3, "B"],
    ]);
    expect(usage).toMatchObject({ prompt_tokens: 24, completion_tokens: 8 });
  });

  it("streams a batch of prompts, with the usage of all", async () => {
    const { app } = createTestApp({ generate: echoing });
    const fields = { prompt: ["a", "b"], stream: true, stream_options: { include_usage: true } };
    const chunks = parseCompletionChunks(await (await app.request(COMPLETIONS, init(fields))).text());
    expect(chunks.pop()?.usage).toMatchObject({ prompt_tokens: 24, completion_tokens: 4, total_tokens: 28 });
    const texts = ["", ""];
    for (const { index, text } of chunks.flatMap((chunk) => chunk.choices)) texts[index] += text;
    expect(texts).toEqual(["A", "B"]);
  });

  it("hands every kind of prompt to the engine", async () => {
    const seen: GenerationRequest[] = [];
    const { app } = createTestApp({
      generate: script(async function* (request) {
        seen.push(request);
        yield* answerWith(["x"]);
      }),
    });
    await app.request(COMPLETIONS, init({ prompt: "a", suffix: "z" }));
    await app.request(COMPLETIONS, init({ prompt: [[72, 105], [33]] }));
    expect(seen.map(({ prompt, model }) => ({ prompt, model }))).toEqual([
      { prompt: { type: "infill", prefix: "a", suffix: "z" }, model: MODEL_ID },
      { prompt: { type: "tokens", tokens: [72, 105] }, model: MODEL_ID },
      { prompt: { type: "tokens", tokens: [33] }, model: MODEL_ID },
    ]);
  });

  it.each([
    ["Once", "OnceHello there!"],
    [[72, 105], "HiHello there!"],
  ])("echoes the prompt %j as text", async (prompt, text) => {
    const { app } = createTestApp();
    const response = await app.request(COMPLETIONS, init({ prompt, echo: true }));
    expect(completion.parse(await response.json()).choices[0]?.text).toBe(text);
  });

  it("counts the offsets of tokens from the prompt's beginning, also for token ids", async () => {
    const [started, , finished] = answerWith(["!"]);
    const { app } = createTestApp({
      generate: script(async function* () {
        if (started !== undefined) yield started;
        const logprobs = [{ token: 1, bytes: [33], logprob: -0.5, top: [] }];
        yield { type: "text", choice: 0, text: "!", logprobs };
        if (finished !== undefined) yield finished;
      }),
    });
    const response = await app.request(COMPLETIONS, init({ prompt: [72, 105], logprobs: 0 }));
    expect(completion.parse(await response.json()).choices[0]?.logprobs).toEqual({
      tokens: ["!"],
      token_logprobs: [-0.5],
      top_logprobs: [{ "!": -0.5 }],
      text_offset: [2],
    });
  });

  it("starts nothing when one prompt of a batch is wrong", async () => {
    let started = 0;
    const { app } = createTestApp({
      generate: script(async function* () {
        started += 1;
        yield* answerWith(["x"]);
      }),
    });
    const response = await app.request(COMPLETIONS, init({ prompt: ["a", 5] }));
    expect(response.status).toBe(400);
    expect(error.parse(await response.json()).error.param).toBe("prompt[1]");
    expect(started).toBe(0);
  });

  describe.each([false, true])("with stream: %j", (stream) => {
    it.each([
      [
        "a prompt that is too long",
        new ContextLengthExceededError(5000, 4096),
        400,
        {
          param: "prompt",
          code: "context_length_exceeded",
          message: expect.stringMatching(
            /4096 tokens, however you requested 5016 tokens \(5000 in your prompt; 16 for the completion\)/,
          ),
        },
      ],
      [
        "a prompt that is far too long",
        new ContextLengthExceededError(5000, 4096, true),
        400,
        { param: "prompt", message: expect.stringContaining("requested at least 5016 tokens (5000 in your prompt") },
      ],
      [
        "a bias for a token that isn't there",
        new InvalidSamplingError("logitBias", "There is no token 999999."),
        400,
        { param: "logit_bias", code: "invalid_value" },
      ],
      [
        "a full house",
        new OverloadedError("256 requests are in hand.", 1_400),
        503,
        { param: null, code: "server_overloaded" },
      ],
    ])("cancels the whole batch for %s, with the error's status", async (_, failure, status, expected) => {
      const cancelled = Promise.withResolvers<void>();
      const { app } = createTestApp({
        generate: script(async function* ({ prompt, signal }) {
          if (prompt.type === "text" && prompt.text === "bad") throw failure;
          await aborted(signal);
          cancelled.resolve();
          yield* answerWith([]);
        }),
      });
      const response = await app.request(COMPLETIONS, init({ prompt: ["good", "bad"], stream }));
      expect(response.status).toBe(status);
      expect(error.parse(await response.json()).error).toMatchObject(expected);
      await cancelled.promise;
    });
  });

  it("names the suffix when the model can't fill in the middle", async () => {
    const { app } = createTestApp({
      generate: script(async function* () {
        yield* answerWith([]).slice(0, 0);
        throw new InvalidSamplingError("suffix", "This model has no tokens to fill in the middle with.");
      }),
    });
    const response = await app.request(COMPLETIONS, init({ suffix: "z" }));
    expect(response.status).toBe(400);
    expect(error.parse(await response.json()).error.param).toBe("suffix");
  });

  it("ends a stream that fails after its first byte with an error event, and no [DONE]", async () => {
    const { app } = createTestApp({
      generate: script(async function* () {
        yield* answerWith(["Hello"]).slice(0, -1);
        throw new EngineCrashedError(3);
      }),
    });
    const frames = parseFrames(await (await app.request(COMPLETIONS, init({ stream: true }))).text());
    expect(error.parse(JSON.parse(frames.at(-1) ?? "")).error.code).toBe("engine_crashed");
  });

  it("cancels every prompt's generation when the client leaves", async () => {
    const connection = new AbortController();
    let cancelled = 0;
    const both = Promise.withResolvers<void>();
    const { app, log } = createTestApp({
      generate: script(async function* ({ signal }) {
        try {
          yield* answerWith(["Hello"]).slice(0, -1);
          await aborted(signal);
        } finally {
          cancelled += 1;
          if (cancelled === 2) both.resolve();
        }
      }),
    });
    const response = await app.request(COMPLETIONS, init({ prompt: ["a", "b"], stream: true }, connection.signal));
    const reader = response.body?.getReader();
    await reader?.read();
    connection.abort();
    await both.promise;
    await expect(reader?.read()).rejects.toThrow();
    await loopTurn();
    expect(log).toMatchObject([{ clientGone: true }]);
  });

  it("blames the prompt for token ids that can't be echoed", async () => {
    const text = {
      ...modelText,
      detokenize: async () => {
        throw new InvalidSamplingError("tokens", "The token id 9 is not in this model's vocabulary.");
      },
    };
    const model = servedModel(script(answerWith(["x"])), { text });
    const response = await createTestApp({ models: [model] }).app.request(
      COMPLETIONS,
      init({ prompt: [9], echo: true }),
    );
    expect(response.status).toBe(400);
    expect(error.parse(await response.json()).error).toMatchObject({ param: "prompt", code: "invalid_value" });
  });

  it("lists the existing models when one doesn't exist", async () => {
    const response = await createTestApp().app.request(COMPLETIONS, init({ model: "davinci-002" }));
    expect(response.status).toBe(404);
    expect(error.parse(await response.json()).error).toMatchObject({ param: "model", code: "model_not_found" });
  });
});
