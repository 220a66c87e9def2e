import { once } from "node:events";
import { describe, expect, it } from "vitest";
import {
  ContextLengthExceededError,
  EngineCrashedError,
  EngineUnavailableError,
  InvalidSamplingError,
  OverloadedError,
  RateLimitedError,
  SupersededError,
  UnrenderablePromptError,
} from "../../src/generation/errors.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { chatCompletion, error } from "../../src/protocols/openai-responses.ts";
import {
  answerWith,
  CHAT,
  chatInit,
  createTestApp,
  loopTurn,
  MODEL_ID,
  parseChunks,
  parseFrames,
  script,
  textOf,
} from "./support.ts";

/** An engine that fails with `failure`, after it has said `texts`; without texts, before anything. */
function failing(failure: Error, texts?: readonly string[]) {
  return script(async function* () {
    if (texts !== undefined) {
      yield* answerWith(texts).slice(0, -1);
    }
    throw failure;
  });
}

describe("POST /v1/chat/completions", () => {
  it("answers whole", async () => {
    const { app } = createTestApp();
    const response = await app.request(CHAT, chatInit({}));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(chatCompletion.parse(await response.json())).toMatchObject({
      model: MODEL_ID,
      choices: [{ message: { content: "Hello there!" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 12, completion_tokens: 4, total_tokens: 16, prompt_tokens_details: { cached_tokens: 4 } },
    });
  });

  it("streams, with headers that keep proxies from holding tokens back", async () => {
    const { app } = createTestApp();
    const response = await app.request(CHAT, chatInit({ stream: true }));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    const chunks = parseChunks(await response.text());
    expect(textOf(chunks)).toBe("Hello there!");
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
  });

  it("streams the usage when asked, for several choices", async () => {
    const { app } = createTestApp({ generate: script(answerWith(["a", "b"], 2)) });
    const response = await app.request(CHAT, chatInit({ stream: true, n: 2, stream_options: { include_usage: true } }));
    const chunks = parseChunks(await response.text());
    expect([textOf(chunks, 0), textOf(chunks, 1)]).toEqual(["ab", "ab"]);
    expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 6, total_tokens: 18 });
  });

  it("sends each token when it comes, not when the stream ends", async () => {
    const gate = Promise.withResolvers<void>();
    const { app } = createTestApp({
      generate: script(async function* () {
        const [started, first, ...rest] = answerWith(["first", "second"]);
        if (started !== undefined && first !== undefined) {
          yield* [started, first];
        }
        await gate.promise;
        yield* rest;
      }),
    });
    const response = await app.request(CHAT, chatInit({ stream: true }));
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain('"role":"assistant"');
    expect((await reader?.read())?.value).toContain('"content":"first"');
    gate.resolve();
    expect((await reader?.read())?.value).toContain('"content":"second"');
    await reader?.cancel();
  });

  it("resolves aliases, and sends the model's id to the engine and the client", async () => {
    const seen: GenerationRequest[] = [];
    const { app } = createTestApp({
      generate: script(async function* (request) {
        seen.push(request);
        yield* answerWith(["Hi"]);
      }),
    });
    const response = await app.request(CHAT, chatInit({ model: "SmolLM2", temperature: 0, max_tokens: 5 }));
    expect(chatCompletion.parse(await response.json()).model).toBe(MODEL_ID);
    expect(seen).toMatchObject([
      {
        id: response.headers.get("x-request-id"),
        model: MODEL_ID,
        prompt: { type: "chat", messages: [{ role: "user", content: "Hi" }] },
        maxTokens: 5,
        sampling: { temperature: 0 },
      },
    ]);
  });

  it("lists the existing models when one doesn't exist", async () => {
    const { app } = createTestApp();
    const response = await app.request(CHAT, chatInit({ model: "gpt-4o" }));
    expect(response.status).toBe(404);
    expect(error.parse(await response.json()).error).toEqual({
      message: `The model \`gpt-4o\` does not exist here. Available: ${MODEL_ID}.`,
      type: "invalid_request_error",
      param: "model",
      code: "model_not_found",
    });
  });

  const failures: [string, Error, number, Record<string, unknown>, Record<string, string>][] = [
    [
      "a prompt that is too long, with both figures",
      new ContextLengthExceededError(5000, 4096),
      400,
      {
        type: "invalid_request_error",
        param: "messages",
        code: "context_length_exceeded",
        message: expect.stringMatching(/4096.*5000/),
      },
      {},
    ],
    [
      "messages that the template refuses",
      new UnrenderablePromptError("roles must alternate"),
      400,
      { type: "invalid_request_error", param: "messages", code: "invalid_messages" },
      {},
    ],
    [
      "a schema that no answer can be held to, by path and keyword",
      new UnsupportedSchemaError("tools[0].function.parameters", "not", "list what may be"),
      400,
      {
        type: "invalid_request_error",
        param: "tools[0].function.parameters",
        code: "invalid_json_schema",
        message: expect.stringContaining("'not'"),
      },
      {},
    ],
    [
      "a sampling value that only the engine can judge, by the wire's name",
      new InvalidSamplingError("logitBias", "There is no token 999999."),
      400,
      { type: "invalid_request_error", param: "logit_bias", code: "invalid_value" },
      {},
    ],
    [
      "an engine that died of it, not to be tried again",
      new EngineCrashedError(3),
      500,
      { type: "server_error", param: null, code: "engine_crashed" },
      { "x-should-retry": "false" },
    ],
    [
      "a model that can't answer, not to be tried again",
      new EngineUnavailableError("The model could not be loaded."),
      503,
      { type: "server_error", code: "engine_unavailable", message: "The model could not be loaded." },
      { "x-should-retry": "false" },
    ],
    [
      "too many requests, with the time to wait",
      new OverloadedError("256 requests are in hand.", 1_400),
      503,
      { type: "server_error", code: "server_overloaded" },
      { "retry-after": "2", "retry-after-ms": "1400" },
    ],
    [
      "a key that has used up its limit, with the time to wait",
      new RateLimitedError("60 of 60 requests a minute are used.", 200.5),
      429,
      {
        type: "requests",
        param: null,
        code: "rate_limit_exceeded",
        message: expect.stringMatching(/^60/),
      },
      { "retry-after": "1", "retry-after-ms": "201" },
    ],
    [
      "a request whose place another has taken, not to be tried again",
      new SupersededError(),
      409,
      { type: "invalid_request_error", param: null, code: "superseded" },
      { "x-should-retry": "false" },
    ],
  ];

  describe.each([false, true])("with stream: %j", (stream) => {
    it.each(failures)("answers with the right status for %s", async (_, failure, status, expected, headers) => {
      const { app } = createTestApp({ generate: failing(failure) });
      const response = await app.request(CHAT, chatInit({ stream }));
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(error.parse(await response.json()).error).toMatchObject(expected);
      expect(Object.fromEntries(response.headers)).toMatchObject(headers);
    });

    it("reveals only the request id of a defect, whose stack is in the log", async () => {
      const { app, log } = createTestApp({ generate: failing(new TypeError("secret detail")) });
      const response = await app.request(CHAT, chatInit({ stream }));
      expect(response.status).toBe(500);
      const { message, ...rest } = error.parse(await response.json()).error;
      expect(rest).toEqual({ type: "server_error", param: null, code: "internal_error" });
      const requestId = response.headers.get("x-request-id");
      expect(message).toContain(requestId);
      expect(message).not.toContain("secret detail");
      expect(log.find((line) => line.msg === "internal error")).toMatchObject({
        requestId,
        err: { message: "secret detail", stack: expect.stringContaining("chat.test.ts") },
      });
    });

    it("is a 500 when the generation ends without having begun", async () => {
      const { app } = createTestApp({ generate: script([]) });
      expect((await app.request(CHAT, chatInit({ stream }))).status).toBe(500);
    });
  });

  it("ends a stream that fails after its first byte with an error event, and no [DONE]", async () => {
    const { app } = createTestApp({ generate: failing(new EngineCrashedError(3), ["Hello"]) });
    const response = await app.request(CHAT, chatInit({ stream: true }));
    expect(response.status).toBe(200);
    const frames = parseFrames(await response.text());
    expect(frames).toHaveLength(3);
    expect(error.parse(JSON.parse(frames[2] ?? "")).error).toMatchObject({
      type: "server_error",
      code: "engine_crashed",
      message: expect.stringContaining("died 3 times"),
    });
  });

  it("ends a stream that a defect breaks with an error event, too, and logs the defect", async () => {
    const { app, log } = createTestApp({ generate: failing(new TypeError("secret detail"), ["Hello"]) });
    const response = await app.request(CHAT, chatInit({ stream: true }));
    const last = error.parse(JSON.parse(parseFrames(await response.text()).at(-1) ?? ""));
    expect(last.error.code).toBe("internal_error");
    expect(last.error.message).not.toContain("secret detail");
    expect(log.find((line) => line.msg === "internal error in mid-stream")).toMatchObject({
      requestId: response.headers.get("x-request-id"),
      err: { message: "secret detail" },
    });
  });

  it("ends a stream whose generation stalls with an error event", async () => {
    const { app } = createTestApp({ generate: script(answerWith(["Hello"]).slice(0, -1)) });
    const response = await app.request(CHAT, chatInit({ stream: true }));
    const last = parseFrames(await response.text()).at(-1) ?? "";
    expect(error.parse(JSON.parse(last)).error.code).toBe("internal_error");
  });

  it("leaves the engine when the client leaves while no token is on its way", async () => {
    const left = Promise.withResolvers<void>();
    const { app } = createTestApp({
      generate: script(async function* () {
        try {
          yield* answerWith(["Hello", "there"]);
        } finally {
          left.resolve();
        }
      }),
    });
    const response = await app.request(CHAT, chatInit({ stream: true }));
    await response.body?.cancel();
    await left.promise;
  });

  it("breaks a stream off when its connection is lost", async () => {
    const connection = new AbortController();
    const { app, log } = createTestApp({
      generate: script(async function* (request) {
        yield* answerWith(["Hello"]).slice(0, -1);
        await once(request.signal, "abort");
      }),
    });
    const response = await app.request(CHAT, chatInit({ stream: true }, connection.signal));
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.read();
    connection.abort();
    await expect(reader?.read()).rejects.toThrow();
    await loopTurn();
    expect(log).toMatchObject([{ clientGone: true }]);
  });
});
