import { describe, expect, it } from "vitest";
import {
  BeyondLimitError,
  ContextLengthExceededError,
  EngineCrashedError,
  EngineUnavailableError,
  ModelNotFoundError,
  OverloadedError,
  RateLimitedError,
  UnrenderablePromptError,
} from "../../src/generation/errors.ts";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { ANTHROPIC_ERRORS, OPENAI_ERRORS } from "../../src/http/error-form.ts";
import { describeFailure, HttpError, ModelNotAllowedError } from "../../src/http/errors.ts";
import { createTestApp, jsonInit, MODEL_ID, script } from "./support.ts";

/**
 * By what clients tell errors apart, as of November 2026: litellm `exception_mapping_utils.py`, opencode `provider/error.ts`, pi `overflow.ts`
 * (OpenClaw), Roo Code `context-error-handling.ts`, LangChain `client.js` and `base.py`, Codex `api_bridge.rs` and `sse/responses.rs`,
 * inspect_ai, LibreChat, and the official clients' classes by status.
 */
const CLIENTS = {
  context: {
    "litellm, openai": /this model's maximum context length is/i,
    opencode: /maximum context length is \d+ tokens/i,
    "Roo Code, Cline": /\bcontext\s*(?:length|window)\b/i,
    LangChain: /maximum context length|exceeds the context window/,
    "a parser of both figures": /max\D*(\d+) tokens\D*(\d+) tokens/,
  },
  rate: {
    litellm: /rate[\s_-]*limit/i,
    Codex: /try again in\s*(\d+(?:\.\d+)?)\s*(s|ms|seconds?)/i,
    "Codex of 2025": /Please try again in (\d+(?:\.\d+)?)(s|ms)/,
  },
} as const;

/** What would make a client take another error for a limit of rate, or for too long a conversation, wherever it stands in the answer. */
const LIMIT_WORDS = /rate[\s_-]*limit|too many requests|quota|service tier capacity/i;
const CONTEXT_WORDS =
  /context[ _]?(length|window|size)|maximum context|too many tokens|token limit|prompt is too long|input is too long|reduce the length|tokens? exceed|exceeds the limit of \d+/i;

async function told(thrown: unknown, path = "/v1/chat/completions", body: object = {}) {
  const { app } = createTestApp({
    generate: script(async function* () {
      yield* [];
      throw thrown;
    }),
  });
  const messages = [{ role: "user", content: "Hi" }];
  const whole = { model: MODEL_ID, ...(path === "/v1/chat/completions" && { messages }), ...body };
  const response = await app.request(path, jsonInit(whole));
  return { status: response.status, headers: response.headers, error: Object(await response.json()).error };
}

const tooLong = new ContextLengthExceededError(12_030, 4_096);

describe("a prompt over the context", () => {
  it.each<[string, string, object]>([
    ["a chat", "/v1/chat/completions", {}],
    ["a completion", "/v1/completions", { prompt: "Hi", max_tokens: 9 }],
    ["a response", "/v1/responses", { input: "Hi" }],
  ])("has the form of %s, so that each client recognizes it", async (_, path, body) => {
    for (const thrown of [tooLong, new ContextLengthExceededError(12_030, 4_096, true)]) {
      const { status, error } = await told(thrown, path, body);
      expect(status).toBe(400);
      expect(error).toMatchObject({ type: "invalid_request_error", code: "context_length_exceeded" });
      for (const pattern of Object.values(CLIENTS.context)) expect(error.message).toMatch(pattern);
      expect(error.message).not.toMatch(LIMIT_WORDS);
    }
  });

  it("begins with OpenAI's very words", async () => {
    expect((await told(tooLong)).error.message).toMatch(
      /^This model's maximum context length is 4096 tokens\. However, your messages resulted in 12030 tokens/,
    );
    expect((await told(tooLong, "/v1/completions", { prompt: "Hi", max_tokens: 9 })).error.message).toMatch(
      /^This model's maximum context length is 4096 tokens, however you requested 12039 tokens \(12030 in your prompt; 9 for the completion\)\. Please reduce your prompt/,
    );
    expect((await told(tooLong, "/v1/responses", { input: "Hi" })).error.message).toContain(
      "Your input exceeds the context window of this model",
    );
  });

  it("has Anthropic's words at Anthropic's endpoint, from which Claude Code reads both numbers", async () => {
    const messages = [{ role: "user", content: "Hi" }];
    const { status, error } = await told(tooLong, "/v1/messages", { max_tokens: 32_000, messages });
    expect(status).toBe(400);
    expect(error).toMatchObject({ type: "invalid_request_error" });
    expect(error.message).toMatch(/^prompt is too long: 12030 tokens > 4096 maximum/);
    expect(error.message).not.toMatch(LIMIT_WORDS);
  });
});

describe("a limit of the key", () => {
  it.each([
    new RateLimitedError("Rate limit reached for this API key on tokens per minute: limit 9, used 9.", 2_100, "tokens"),
  ])("has the time to retry in its message and headers", async (thrown) => {
    const { status, headers, error } = await told(thrown);
    expect(status).toBe(429);
    expect(error).toMatchObject({ type: "tokens", code: "rate_limit_exceeded" });
    for (const pattern of Object.values(CLIENTS.rate)) expect(error.message).toMatch(pattern);
    expect([headers.get("retry-after"), headers.get("retry-after-ms")]).toEqual(["3", "2100"]);
  });

  it("that the request alone exceeds is recognized as too large, and not retried", async () => {
    const { status, headers, error } = await told(
      new BeyondLimitError(
        "Request too large for this API key on tokens per minute: limit 9, requested about 99.",
        "tokens",
      ),
    );
    expect([status, headers.get("x-should-retry")]).toEqual([429, "false"]);
    expect(error.message).toMatch(/Request too large/);
  });
});

it("is an overload in each protocol's form, and has a time to retry", async () => {
  const overloaded = new OverloadedError("The server already has 256 requests in progress.", 2_100);
  const openai = await told(overloaded);
  expect(openai).toMatchObject({ status: 503, error: { code: "server_overloaded", type: "server_error" } });
  expect(openai.error.message).toMatch(CLIENTS.rate["Codex of 2025"]);
  const messages = [{ role: "user", content: "Hi" }];
  const anthropic = await told(overloaded, "/v1/messages", { max_tokens: 9, messages });
  expect(anthropic).toMatchObject({ status: 529, error: { type: "overloaded_error" } });
});

/** Every error that is neither of a limit nor of the context. */
const OTHERS: readonly unknown[] = [
  new ModelNotFoundError("gpt-4o", [MODEL_ID]),
  new ModelNotAllowedError("two", ["one"]),
  new UnrenderablePromptError("roles must alternate"),
  new UnsupportedSchemaError("response_format.json_schema.schema", "not", "it can't be held"),
  new HttpError(401, "Incorrect API key provided.", "invalid_api_key"),
  new HttpError(415, "Unsupported content type: this API takes JSON only.", "unsupported_content_type"),
  new EngineCrashedError(3),
  new EngineUnavailableError("The engine for this model was stopped."),
  new OverloadedError("The server already has 256 requests in progress.", 1_000),
  new OverloadedError(
    "The first token would come after about 70.0 s, later than the 60.0 s that the request may wait.",
    1_000,
  ),
  new Error("a defect"),
];

it("is not mistaken by clients for a limit or for the context", () => {
  for (const thrown of OTHERS) {
    for (const form of [OPENAI_ERRORS, ANTHROPIC_ERRORS]) {
      const body = JSON.stringify(form.encode(form.translate(describeFailure(thrown, "req_1")).error, "req_1"));
      expect(body).not.toMatch(LIMIT_WORDS);
      expect(body).not.toMatch(CONTEXT_WORDS);
    }
  }
});

it("names a model that isn't there as gateways in front of this one look for it", async () => {
  const messages = [{ role: "user", content: "Hi" }];
  const { status, error } = await told(undefined, "/v1/chat/completions", { model: "gpt-4o", messages });
  expect(status).toBe(404);
  expect(error).toMatchObject({ type: "invalid_request_error", code: "model_not_found" });
  expect(error.message).toMatch(/the model `gpt-4o` does not exist/i);
});
