import { once } from "node:events";
import { describe, expect, it } from "vitest";
import {
  ContextLengthExceededError,
  EngineCrashedError,
  EngineUnavailableError,
  OverloadedError,
  RateLimitedError,
  SupersededError,
  UnrenderablePromptError,
} from "../../src/generation/errors.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { error as openaiError } from "../../src/protocols/openai-responses.ts";
import { error, message, tokensCount, tooLarge } from "../fixtures/anthropic/schemas.ts";
import { messageOf, parseStream } from "../fixtures/anthropic/stream.ts";
import { answerWith, createTestApp, loopTurn, MODEL_ID, script, servedModel } from "./support.ts";

const MESSAGES = "/v1/messages";

function init(body: Readonly<Record<string, unknown>> | string, signal?: AbortSignal) {
  const fields = { model: MODEL_ID, max_tokens: 50, messages: [{ role: "user", content: "Hi" }] };
  const text = typeof body === "string" ? body : JSON.stringify({ ...fields, ...body });
  const headers = { "content-type": "application/json", "anthropic-version": "2023-06-01", "x-api-key": "any" };
  return { method: "POST", headers, body: text, ...(signal && { signal }) };
}

/** An engine that fails with `failure`, after it has said `texts`; without texts, before anything. */
function failing(failure: Error, texts?: readonly string[]) {
  return script(async function* () {
    if (texts !== undefined) {
      yield* answerWith(texts).slice(0, -1);
    }
    throw failure;
  });
}

describe("POST /v1/messages", () => {
  it("answers whole, with the request's id in Anthropic's header", async () => {
    const { app } = createTestApp();
    const response = await app.request(MESSAGES, init({}));
    expect(response.status).toBe(200);
    expect(response.headers.get("request-id")).toBe(response.headers.get("x-request-id"));
    expect(message.parse(await response.json())).toMatchObject({
      model: MODEL_ID,
      content: [{ type: "text", text: "Hello there!" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 8, cache_read_input_tokens: 4, output_tokens: 4 },
    });
  });

  it("streams the same message", async () => {
    const { app, log } = createTestApp();
    const response = await app.request(MESSAGES, init({ stream: true }));
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(messageOf(parseStream(await response.text()))).toMatchObject({
      content: [{ type: "text", text: "Hello there!" }],
      stop_reason: "end_turn",
    });
    await loopTurn();
    expect(log).toMatchObject([{ path: MESSAGES, model: MODEL_ID, tokens: { prompt: 12, cached: 4, completion: 4 } }]);
  });

  it("accepts the query and the headers of beta clients, and no headers at all", async () => {
    const { app } = createTestApp();
    const { headers, ...rest } = init({});
    const beta = { ...headers, "anthropic-beta": "one-2025-01-01,two-2025-01-01", authorization: "Bearer any" };
    expect((await app.request(`${MESSAGES}?beta=true`, { ...rest, headers: beta })).status).toBe(200);
    const plain = { ...rest, headers: { "content-type": "application/json" } };
    expect((await app.request(MESSAGES, plain)).status).toBe(200);
  });

  it("resolves aliases, and passes the request to the engine", async () => {
    const seen: GenerationRequest[] = [];
    const { app } = createTestApp({
      generate: script(async function* (request) {
        seen.push(request);
        yield* answerWith(["Hi"]);
      }),
    });
    await app.request(MESSAGES, init({ model: "SmolLM2", stop_sequences: ["END"], temperature: 0 }));
    expect(seen).toMatchObject([
      { model: MODEL_ID, maxTokens: 50, stop: ["END"], sampling: { temperature: 0 }, choices: 1 },
    ]);
  });

  it("leaves the engine when the client leaves", async () => {
    const connection = new AbortController();
    const { app, log } = createTestApp({
      generate: script(async function* (request) {
        yield* answerWith(["Hello"]).slice(0, -1);
        await once(request.signal, "abort");
      }),
    });
    const response = await app.request(MESSAGES, init({ stream: true }, connection.signal));
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.read();
    connection.abort();
    await expect(reader?.read()).rejects.toThrow();
    await loopTurn();
    expect(log).toMatchObject([{ clientGone: true }]);
  });
});

describe("POST /v1/messages/count_tokens", () => {
  const COUNT = `${MESSAGES}/count_tokens`;

  it("answers with the length of the prompt that the model would get", async () => {
    const measure = script(async function* ({ prompt, tools }) {
      yield { type: "started", promptTokens: JSON.stringify([prompt, tools]).length, cachedTokens: 0 };
    });
    const { app } = createTestApp({ models: [servedModel(script([]), { measure })] });
    const fields = { max_tokens: undefined, system: "Be brief.", tools: [{ name: "look", input_schema: {} }] };
    const response = await app.request(COUNT, init(fields));
    expect(response.status).toBe(200);
    const prompt = {
      type: "chat",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
    };
    const tools = { tools: [{ name: "look", parameters: {} }], choice: "auto", parallel: true };
    const expected = JSON.stringify([prompt, tools]).length;
    expect(tokensCount.parse(await response.json())).toEqual({ input_tokens: expected });
  });

  it.each([
    [{}, 400],
    [{ messages: [] }, 400],
    [{ model: "none" }, 404],
  ])("is refused in Anthropic's form: %j", async (body, status) => {
    const measure = script(async function* () {
      yield* [];
      throw new UnrenderablePromptError("roles must alternate");
    });
    const { app } = createTestApp({ models: [servedModel(script([]), { measure })] });
    const response = await app.request(COUNT, init(body));
    expect(response.status).toBe(status);
    error.parse(await response.json());
  });
});

describe("an error of POST /v1/messages", () => {
  const failures: [string, Error, number, string, RegExp, Record<string, string>][] = [
    [
      "a prompt that is too long, in the words that agents look for",
      new ContextLengthExceededError(5000, 4096),
      400,
      "invalid_request_error",
      /^prompt is too long: 5000 tokens > 4096 maximum/,
      {},
    ],
    [
      "messages that the template refuses",
      new UnrenderablePromptError("roles must alternate"),
      400,
      "invalid_request_error",
      /alternate/,
      {},
    ],
    [
      "a schema that can't be honoured, where it stands in the request",
      new UnsupportedSchemaError("tools[1].function.parameters.properties.a", "not", "leave it out"),
      400,
      "invalid_request_error",
      /'tools\[1\]\.input_schema\.properties\.a'/,
      {},
    ],
    [
      "an engine that died of it",
      new EngineCrashedError(3),
      500,
      "api_error",
      /died 3 times/,
      { "x-should-retry": "false" },
    ],
    ["a model that can't answer", new EngineUnavailableError("It is gone."), 503, "api_error", /gone/, {}],
    [
      "too many requests",
      new OverloadedError("9 requests are in hand.", 1_400),
      529,
      "overloaded_error",
      /9 requests/,
      { "retry-after": "2" },
    ],
    [
      "a key that has used up its limit",
      new RateLimitedError("60 of 60 requests a minute are used.", 1_400),
      429,
      "rate_limit_error",
      /60 of 60/,
      { "retry-after": "2", "retry-after-ms": "1400" },
    ],
    [
      "a request whose place another has taken",
      new SupersededError(),
      409,
      "invalid_request_error",
      /later request/,
      { "x-should-retry": "false" },
    ],
    ["a defect, of which nothing is told", new TypeError("secret"), 500, "api_error", /internal error/, {}],
  ];

  describe.each([false, true])("with stream: %j", (stream) => {
    it.each(failures)("has Anthropic's form and status: %s", async (_, failure, status, type, words, headers) => {
      const { app } = createTestApp({ generate: failing(failure) });
      const tools = ["f", "g"].map((name) => ({ name, input_schema: { type: "object" } }));
      const response = await app.request(MESSAGES, init({ stream, tools }));
      expect(response.status).toBe(status);
      const body = error.parse(await response.json());
      expect(body.error).toMatchObject({ type, message: expect.stringMatching(words) });
      expect(body.request_id).toBe(response.headers.get("request-id"));
      expect(Object.fromEntries(response.headers)).toMatchObject(headers);
    });
  });

  it("is the last event of a stream that fails after its beginning, and there is no message_stop", async () => {
    const { app, log } = createTestApp({ generate: failing(new EngineCrashedError(3), ["Hello"]) });
    const response = await app.request(MESSAGES, init({ stream: true }));
    const events = parseStream(await response.text());
    expect(events.at(-1)).toMatchObject({
      type: "error",
      error: { type: "api_error", message: expect.stringContaining("died 3 times") },
      request_id: response.headers.get("request-id"),
    });
    expect(events.map(({ type }) => type)).not.toContain("message_stop");
    await loopTurn();
    expect(log).toMatchObject([{ error: "engine_crashed" }]);
  });

  it.each([
    ["an unknown model", MESSAGES, init({ model: "claude-sonnet-4-5" }), 404, "not_found_error", MODEL_ID],
    ["a wrong field", MESSAGES, init({ temperature: 3 }), 400, "invalid_request_error", "'temperature'"],
    ["a body that is not JSON", MESSAGES, init("{"), 400, "invalid_request_error", "JSON"],
    ["a wrong method", MESSAGES, { method: "GET" }, 405, "invalid_request_error", "POST"],
    ["a wrong content type", MESSAGES, { method: "POST", body: "x" }, 415, "invalid_request_error", "application/json"],
    ["an unknown URL", `${MESSAGES}/unknown`, { method: "POST" }, 404, "not_found_error", "/v1/messages"],
  ])("has Anthropic's form: %s", async (_, path, request, status, type, words) => {
    const { app } = createTestApp();
    const response = await app.request(path, request);
    expect(response.status).toBe(status);
    const body = error.parse(await response.json());
    expect(body.error).toMatchObject({ type, message: expect.stringContaining(words) });
    expect(body.request_id).toBe(response.headers.get("request-id"));
  });

  it("has its own type for a body that is too large", async () => {
    const { app } = createTestApp({ settings: { maxBodyBytes: 100 } });
    const response = await app.request(MESSAGES, init({ system: "x".repeat(200) }));
    expect(response.status).toBe(413);
    tooLarge.parse(await response.json());
  });

  it("has OpenAI's form everywhere else", async () => {
    const { app } = createTestApp();
    const response = await app.request("/v1/nowhere");
    openaiError.parse(await response.json());
    expect(response.headers.get("request-id")).toBeNull();
  });
});
