import { describe, expect, it } from "vitest";
import { NotSupportedByModelError, UpstreamError } from "../../src/generation/errors.ts";
import { describeFailure } from "../../src/http/errors.ts";
import { error } from "../../src/protocols/openai-responses.ts";
import { servedModel } from "../fixtures/served-model.ts";
import { createTestApp, jsonInit } from "./support.ts";

const message = [{ role: "user", content: "Hi" }];

/** Each route that needs text of a model, with a body for it. */
const ROUTES: readonly (readonly [string, object])[] = [
  ["/v1/chat/completions", { messages: message }],
  ["/v1/completions", { prompt: "Hi" }],
  ["/v1/completions", { prompt: [1, 2], echo: true }],
  ["/v1/responses", { input: "Hi", store: false }],
  ["/v1/responses/input_tokens", { input: "Hi" }],
  ["/v1/responses/compact", { input: "Hi" }],
  ["/v1/messages", { messages: message, max_tokens: 4 }],
  ["/v1/messages/count_tokens", { messages: message }],
  ["/tokenize", { content: "Hi" }],
  ["/detokenize", { tokens: [1] }],
  ["/apply-template", { messages: message }],
];

describe("a model that makes embeddings only", () => {
  const { generate, measure, price, settle, text, ...rest } = servedModel();
  const { app } = createTestApp({ models: [{ ...rest, can: { ...rest.can, text: false, tokenizing: false } }] });

  it.each(ROUTES)("is refused at %s with %o, with an alternative", async (path, body) => {
    const response = await app.request(path, jsonInit({ model: "one", ...body }));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: {
        message:
          "The model `one` makes embeddings or scores and can't write text. Use it at /v1/embeddings or /v1/rerank, " +
          "and another model for text: GET /v1/models lists them.",
      },
    });
  });
});

describe("a model that writes text and answers no questions about it", () => {
  const { measure, price, settle, text, ...rest } = servedModel();
  const { app } = createTestApp({ models: [{ ...rest, can: { ...rest.can, tokenizing: false } }] });

  it.each(ROUTES.filter(([path]) => /token|template|compact/.test(path)))("is refused at %s", async (path, body) => {
    const response = await app.request(path, jsonInit({ model: "one", ...body }));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining("can't count or show the tokens of a text") },
    });
  });
});

describe("a missing capability", () => {
  it.each([
    ["tools", "tools", "unsupported_parameter"],
    ["schemas", "response_format", "unsupported_parameter"],
    ["logprobs", "logprobs", "unsupported_parameter"],
    ["embeddings", "model", "unsupported_model"],
    ["tokenizing", "model", "unsupported_model"],
  ] as const)("is a 400 that names the field: %s", (lacks, param, code) => {
    const failure = describeFailure(new NotSupportedByModelError("one", lacks), "req_1");
    expect(failure).toMatchObject({ status: 400, error: { param, code }, unexpected: false });
    expect(failure.error.message).toContain("The model `one` ");
    error.parse({ error: failure.error });
  });
});

describe("another server's error", () => {
  it.each([
    [400, 400, "invalid_request_error"],
    [422, 422, "invalid_request_error"],
    [413, 413, "invalid_request_error"],
    [401, 502, "server_error"],
    [403, 502, "server_error"],
    [404, 502, "server_error"],
    [408, 504, "server_error"],
    [429, 429, "requests"],
    [500, 502, "server_error"],
    [503, 503, "server_error"],
    [504, 504, "server_error"],
    [529, 503, "server_error"],
    [undefined, 502, "server_error"],
    [302, 502, "server_error"],
  ])("with the status %s becomes a %s", (status, told, type) => {
    const failure = describeFailure(new UpstreamError({ status, message: "No." }), "req_1");
    expect(failure).toMatchObject({ status: told, error: { type, message: "No." } });
    error.parse({ error: failure.error });
  });

  it("keeps its code, its field, and its time to retry", () => {
    const wrong = new UpstreamError({ status: 400, message: "Too long.", code: "too_long", param: "messages" });
    expect(describeFailure(wrong, "req_1").error).toMatchObject({ code: "too_long", param: "messages" });
    for (const status of [429, 503]) {
      const busy = new UpstreamError({ status, message: "Later.", code: "busy", retryAfterMs: 1_500 });
      expect(describeFailure(busy, "req_1")).toMatchObject({
        error: { code: "busy" },
        headers: { "retry-after": "2", "retry-after-ms": "1500" },
      });
    }
  });

  it("is logged when only the operator can fix it", () => {
    for (const [status, unexpected] of [
      [401, true],
      [500, true],
      [429, false],
      [400, false],
      [503, false],
    ] as const) {
      expect(describeFailure(new UpstreamError({ status, message: "No." }), "req_1").unexpected).toBe(unexpected);
    }
  });
});
