import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { BackendState } from "../../src/generation/backend.ts";
import {
  ContextLengthExceededError,
  InsufficientMemoryError,
  InvalidSamplingError,
  OverloadedError,
} from "../../src/generation/errors.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { aborted, modelText } from "../fixtures/generation.ts";
import { answerWith, createTestApp, jsonInit, MODEL_ID, script, servedModel } from "./support.ts";

const record = z.record(z.string(), z.unknown());

function init(fields: Readonly<Record<string, unknown>> = {}) {
  return jsonInit({ prompt: "Once", ...fields });
}

/** The data of each event of a stream. */
function framesOf(body: string) {
  return body
    .split("\n\n")
    .filter((frame) => frame !== "")
    .map((frame) => record.parse(JSON.parse(frame.replace(/^data: /, ""))));
}

const evaluation = { waitingMs: 1, prefillMs: 20, prefillTokens: 8, decodeMs: 40, decodeTokens: 4, computeMs: 30 };

/** An engine that tells what an answer took. */
const measured = script(async function* ({ observe }) {
  const [started, ...rest] = answerWith(["Hello", " there", "!"]);
  if (started !== undefined) yield started;
  observe?.({ type: "evaluated", choice: 0, evaluation });
  yield* rest;
});

/** An engine that never ends, and tells what was spent when it is left. */
function endless(texts: (index: number) => string, left: { count: number }) {
  return script(async function* ({ observe }: GenerationRequest): AsyncGenerator<GenerationEvent> {
    yield { type: "started", promptTokens: 3, cachedTokens: 0 };
    try {
      for (let index = 0; ; index += 1) yield { type: "text", choice: 0, text: texts(index) };
    } finally {
      left.count += 1;
      observe?.({ type: "left", spent: { prompt: 3, cached: 0, completion: 77 } });
    }
  });
}

describe("POST /completion", () => {
  it("answers whole, with the time that the engine measured", async () => {
    const { app } = createTestApp({ generate: measured });
    const response = await app.request("/completion", init({ n_predict: 9 }));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      index: 0,
      content: "Hello there!",
      stop: true,
      model: MODEL_ID,
      prompt: "Once",
      tokens: [],
      tokens_predicted: 4,
      tokens_evaluated: 12,
      tokens_cached: 16,
      truncated: false,
      stop_type: "eos",
      stopping_word: "",
      generation_settings: { n_ctx: 4096, n_predict: 9, temperature: 0.8, top_k: 40 },
      timings: {
        cache_n: 4,
        prompt_n: 8,
        prompt_ms: 20,
        prompt_per_token_ms: 2.5,
        prompt_per_second: 400,
        predicted_n: 4,
        predicted_ms: 40,
        predicted_per_token_ms: 10,
        predicted_per_second: 100,
      },
    });
  });

  it("streams parts, each choice's last one with all that is known, and no [DONE]", async () => {
    const { app } = createTestApp({ generate: measured });
    const response = await app.request("/completion", init({ stream: true }));
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const frames = framesOf(await response.text());
    expect(frames.map(({ content, stop }) => [content, stop])).toEqual([
      ["Hello", false],
      [" there", false],
      ["!", false],
      ["", true],
    ]);
    expect(frames.at(-1)).toMatchObject({ stop_type: "eos", timings: { prompt_ms: 20, predicted_n: 4 } });
  });

  it("has the reason that an answer ended", async () => {
    const end = (reason: "stop" | "length", more = {}) =>
      createTestApp({
        generate: script([
          { type: "started", promptTokens: 2, cachedTokens: 0 },
          { type: "text", choice: 0, text: "a\n" },
          { type: "finished", choice: 0, reason, completionTokens: 5, ...more },
        ]),
      }).app.request("/completion", init({ n_predict: 5 }));
    expect(await (await end("stop", { stopString: "END" })).json()).toMatchObject({
      stop_type: "word",
      stopping_word: "END",
      has_new_line: true,
    });
    expect(await (await end("length")).json()).toMatchObject({ stop_type: "limit", truncated: false });
    expect(await (await end("length", { completionTokens: 3 })).json()).toMatchObject({
      stop_type: "limit",
      truncated: true,
    });
  });

  it("has the requested fields, inner ones under their path, whole and streamed", async () => {
    const { app } = createTestApp({ generate: measured });
    const fields = { response_fields: ["content", "timings/prompt_n", "truncated", "no/such", ""] };
    const picked = { content: "Hello there!", "timings/prompt_n": 8, truncated: false };
    expect(await (await app.request("/completion", init(fields))).json()).toEqual(picked);
    const frames = framesOf(await (await app.request("/completion", init({ ...fields, stream: true }))).text());
    expect(frames.at(-1)).toEqual({ ...picked, content: "" });
    const none = await app.request("/completion", init({ response_fields: [""] }));
    expect(await none.json()).toEqual({});
  });

  it("answers several prompts and choices as a list", async () => {
    const generate = script(async function* ({ prompt, choices }) {
      yield* answerWith([prompt.type === "text" ? prompt.text.toUpperCase() : prompt.type], choices);
    });
    const { app } = createTestApp({ generate });
    const response = await app.request("/completion", init({ prompt: ["a", [1, 2]], n_cmpl: 2 }));
    expect(
      z
        .array(record)
        .parse(await response.json())
        .map(({ index, content, prompt }) => [index, content, prompt]),
    ).toEqual([
      [0, "A", "a"],
      [1, "A", "a"],
      [2, "tokens", ""],
      [3, "tokens", ""],
    ]);
  });

  it("has each prompt's own time", async () => {
    const generate = script(async function* ({ prompt, observe }) {
      const tokens = prompt.type === "text" ? prompt.text.length : 0;
      yield { type: "started", promptTokens: tokens, cachedTokens: 0 };
      observe?.({ type: "evaluated", choice: 0, evaluation: { ...evaluation, prefillTokens: tokens } });
      yield { type: "finished", choice: 0, reason: "stop", completionTokens: 1 };
    });
    const { app } = createTestApp({ generate });
    const fields = { prompt: ["a", "bcd"], response_fields: ["timings/prompt_n"] };
    expect(await (await app.request("/completion", init(fields))).json()).toEqual([
      { "timings/prompt_n": 1 },
      { "timings/prompt_n": 3 },
    ]);
  });

  it("returns probabilities and tokens when requested", async () => {
    const scored = { token: 7, bytes: [72, 105], logprob: -0.5 };
    const top = [{ token: 8, bytes: [255], logprob: Number.NEGATIVE_INFINITY }, scored];
    const generate = script([
      { type: "started", promptTokens: 1, cachedTokens: 0 },
      { type: "text", choice: 0, text: "Hi", logprobs: [{ ...scored, top }] },
      { type: "finished", choice: 0, reason: "stop", completionTokens: 1 },
    ]);
    const { app } = createTestApp({ generate });
    const fields = { n_probs: 1, return_tokens: true };
    const told = {
      tokens: [7],
      completion_probabilities: [
        {
          ...{ id: 7, token: "Hi", bytes: [72, 105], logprob: -0.5 },
          top_logprobs: [{ id: 8, token: "\ufffd", bytes: [255], logprob: -Number.MAX_VALUE }],
        },
      ],
    };
    expect(await (await app.request("/completion", init(fields))).json()).toMatchObject(told);
    const [first] = framesOf(await (await app.request("/completion", init({ ...fields, stream: true }))).text());
    expect(first).toMatchObject(told);
  });

  it("makes tokens of a mixed prompt and of a text that has a bias", async () => {
    let asked: GenerationRequest | undefined;
    const generate = script(async function* (request) {
      asked = request;
      yield* answerWith(["x"]);
    });
    const text = {
      ...modelText,
      tokenize: async (part: string, { addSpecial }: { addSpecial: boolean }) => [
        ...(addSpecial ? [99] : []),
        ...Buffer.from(part),
      ],
    };
    const { app } = createTestApp({ models: [servedModel(generate, { text })] });
    await app.request(
      "/completion",
      init({
        prompt: ["a", 5, "b"],
        logit_bias: [
          ["c", 1.5],
          [4, false],
        ],
      }),
    );
    expect(asked?.prompt).toEqual({ type: "tokens", tokens: [99, 97, 5, 98] });
    expect(asked?.sampling.logitBias).toEqual([
      [4, -100],
      [99, 1.5],
    ]);
  });

  it("refuses biases of texts that have too many tokens", async () => {
    const text = { ...modelText, tokenize: async (part: string) => Array.from(part, () => 7) };
    const { app } = createTestApp({ models: [servedModel(script([]), { text })] });
    const biases = Array.from({ length: 10 }, (_, index) => [`${index}${"a".repeat(250)}`, 1]);
    const response = await app.request("/completion", init({ logit_bias: biases }));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: "logit_bias" } });
  });

  it("ends an answer after its lines, leaves the engine, and counts the tokens spent", async () => {
    const left = { count: 0 };
    const generate = endless((index) => (index === 3 ? "\nback" : "  code"), left);
    const { app, log } = createTestApp({ generate });
    const response = await app.request("/completion", init({ n_indent: 2 }));
    expect(await response.json()).toMatchObject({
      content: "  code  code  code\n",
      stop_type: "limit",
      truncated: false,
      tokens_predicted: 77,
    });
    expect(left.count).toBe(1);
    expect(log.filter(({ level }) => level === 50)).toEqual([]);
  });

  it("ends an answer that takes too long after its line, also when streamed", async () => {
    const left = { count: 0 };
    const { app } = createTestApp({ generate: endless(() => "x\n", left) });
    const response = await app.request("/completion", init({ t_max_predict_ms: 1, stream: true }));
    const frames = framesOf(await response.text());
    expect(frames.at(-1)).toMatchObject({ stop: true, stop_type: "limit", tokens_predicted: expect.any(Number) });
    expect(left.count).toBe(1);
  });

  it("exists at /v1, too, and does not replace /completions", async () => {
    const { app } = createTestApp({ generate: measured });
    expect(await (await app.request("/v1/completion", init())).json()).toMatchObject({ stop: true });
    expect(await (await app.request("/completions", init({ model: MODEL_ID }))).json()).toMatchObject({
      object: "text_completion",
    });
  });
});

describe("errors of llama-server's API", () => {
  const failing = (error: Error) =>
    createTestApp({
      generate: script(() => {
        throw error;
      }),
    }).app.request("/completion", init());

  it.each<[error: Error, status: number, type: string]>([
    [new ContextLengthExceededError(5_000, 4_096, false), 400, "exceed_context_size_error"],
    [new OverloadedError("Too much to do.", 1_000), 503, "unavailable_error"],
    [new InvalidSamplingError("tokens", "Wrong."), 400, "invalid_request_error"],
  ])("have its form, with the status for a code: %s", async (error, status, type) => {
    const response = await failing(error);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code: status, type, message: expect.any(String) } });
  });

  it("have it before a body is read, and for a wrong method", async () => {
    const { app } = createTestApp();
    const malformed = await app.request("/infill", { ...init(), body: "{" });
    expect(await malformed.json()).toMatchObject({ error: { code: 400, type: "invalid_request_error" } });
    const method = await app.request("/completion");
    expect(method.status).toBe(405);
    expect(await method.json()).toMatchObject({ error: { code: 405 } });
  });

  it("name the field", async () => {
    const { app } = createTestApp();
    const response = await app.request("/completion", init({ mirostat: 2 }));
    expect(await response.json()).toMatchObject({ error: { code: 400, param: "mirostat" } });
  });

  it("have it in mid-stream", async () => {
    const generate = script(async function* () {
      yield* answerWith(["Hi"]).slice(0, 2);
      throw new OverloadedError("Too much to do.", 1_000);
    });
    const { app } = createTestApp({ generate });
    const frames = framesOf(await (await app.request("/completion", init({ stream: true }))).text());
    expect(frames.at(-1)).toMatchObject({ error: { code: 503, type: "unavailable_error" } });
  });

  it("say that a model can't fill in the middle", async () => {
    const { app } = createTestApp({
      generate: script(() => {
        throw new InvalidSamplingError("suffix", "It has no tokens for it.");
      }),
    });
    const response = await app.request("/infill", jsonInit({ input_prefix: "a", input_suffix: "b" }));
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining("can't fill in") } });
  });
});

describe("POST /infill", () => {
  it("hands the gap and the files to the engine, and is cancelled with its client", async () => {
    let asked: GenerationRequest | undefined;
    const { app } = createTestApp({
      generate: script(async function* (request) {
        asked = request;
        yield { type: "started", promptTokens: 1, cachedTokens: 0 };
        await aborted(request.signal);
      }),
    });
    const client = new AbortController();
    const body = { input_prefix: "a", input_suffix: "b", input_extra: [{ filename: "f", text: "t" }] };
    const answered = app.request("/infill", jsonInit(body, client.signal));
    await expect
      .poll(() => asked?.prompt)
      .toEqual({ type: "infill", prefix: "a", suffix: "b", files: [{ name: "f", text: "t" }] });
    client.abort();
    expect((await answered).status).toBe(499);
    expect(asked?.signal.aborted).toBe(true);
  });
});

describe("POST /embedding", () => {
  const embed = async ({ items }: { items: readonly unknown[] }) => ({
    vectors: items.map(() => Float32Array.of(3, 4)),
    tokens: 2,
  });
  const { app } = createTestApp({ models: [servedModel(script([]), { embed })] });
  const ask = async (body: object) => (await app.request("/embedding", jsonInit(body))).json();

  it("answers with a list for each text, normalised unless that is not wanted", async () => {
    const normal = [Math.fround(0.6), Math.fround(0.8)];
    expect(await ask({ content: "a" })).toEqual([{ index: 0, embedding: [normal] }]);
    expect(await ask({ input: ["a", "b"] })).toMatchObject([{ index: 0 }, { index: 1 }]);
    expect(await ask({ content: [1, 2], embd_normalize: -1 })).toEqual([{ index: 0, embedding: [[3, 4]] }]);
  });

  it("names the field that is wrong", async () => {
    expect(await ask({ content: 5 })).toMatchObject({ error: { param: "content" } });
    expect(await ask({ content: "a", embd_normalize: 1 })).toMatchObject({ error: { param: "embd_normalize" } });
  });
});

describe("information that tools request from llama-server", () => {
  const details = () => ({
    contextTokens: 2_048,
    slots: 3,
    chatTemplate: "{{ x }}",
    beginText: "<s>",
    endText: "</s>",
  });
  const workload = () => ({ waiting: 0, running: 1, firstTokenMs: undefined });
  const { app } = createTestApp({ models: [servedModel(script([]), { details, workload })] });

  it("describes the model, and reveals nothing about the machine", async () => {
    for (const path of ["/props", "/v1/props", `/props?model=${MODEL_ID}`]) {
      expect(await (await app.request(path)).json()).toMatchObject({
        default_generation_settings: { n_ctx: 2_048, params: { temperature: 0.8 } },
        total_slots: 3,
        model_path: MODEL_ID,
        chat_template: "{{ x }}",
        bos_token: "<s>",
        eos_token: "</s>",
        modalities: { vision: false },
      });
    }
    expect((await app.request("/props?model=x")).status).toBe(404);
  });

  it("can't be saved or erased, as llama-server's clients can read", async () => {
    const response = await app.request("/slots/0?action=save", { method: "POST" });
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      error: { code: 404, type: "not_found_error", message: expect.stringContaining("POST /slots/0") },
    });
  });

  it("shows the number of busy slots, but not their work", async () => {
    expect(await (await app.request("/slots")).json()).toEqual(
      [true, false, false].map((isTaken, id) => ({ id, n_ctx: 2_048, speculative: false, is_processing: isTaken })),
    );
  });

  it("says that there are no adapters, and that none can be set", async () => {
    expect(await (await app.request("/lora-adapters")).json()).toEqual([]);
    expect(await (await app.request("/lora-adapters", jsonInit([]))).json()).toEqual({ success: true });
    const refused = await app.request("/lora-adapters", jsonInit([{ id: 0, scale: 0.5 }]));
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: { code: 400, param: "lora" } });
  });
});

describe("the routes of llama-server's router", () => {
  /** What the server's adapter tells of the connection. */
  const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
  const state = (value: BackendState) => ({ state: () => value });
  const load = () => new Promise<void>(() => {});

  it("load and unload a model, and don't wait for it", async () => {
    const asked: string[] = [];
    const note = (what: string) => () => {
      asked.push(what);
      return load();
    };
    const model = servedModel(script([]), { load: note("load"), unload: note("unload") });
    const { app } = createTestApp({ models: [model] });
    for (const path of ["/models/load", "/models/unload"]) {
      const response = await app.request(path, jsonInit({ model: MODEL_ID }), FROM_HERE);
      expect([response.status, await response.json()]).toEqual([200, { success: true }]);
    }
    expect(asked).toEqual(["load", "unload"]);
  });

  it("say at once that there can't be room for a model, with figures", async () => {
    const refuse = () => Promise.reject(new InsufficientMemoryError("It needs 9 GiB of memory."));
    const { app } = createTestApp({ models: [servedModel(script([]), { load: refuse })] });
    const response = await app.request("/models/load", jsonInit({ model: MODEL_ID }), FROM_HERE);
    expect(response.status).toBe(503);
    expect(await response.text()).toContain("9 GiB");
  });

  it("refuse an unknown model, one of another server, and a body without a model", async () => {
    const { app } = createTestApp({ models: [servedModel(script([]))] });
    const statuses = [{ model: "nobody" }, { model: MODEL_ID }, {}].map(async (body) => {
      return (await app.request("/models/load", jsonInit(body), FROM_HERE)).status;
    });
    expect(await Promise.all(statuses)).toEqual([404, 400, 400]);
  });

  it.each([
    ["ready", { value: "loaded" }],
    ["loading", { value: "loading" }],
    ["unloaded", { value: "unloaded" }],
    ["failed", { value: "unloaded", failed: true }],
  ] as const)("show a model that is %s in their words", async (given, status) => {
    const { app } = createTestApp({ models: [servedModel(script([]), { ...state(given), load })] });
    const body = record.parse(await (await app.request(`/v1/models/${MODEL_ID}`)).json());
    expect(body).toMatchObject({ state: given, status });
  });
});
