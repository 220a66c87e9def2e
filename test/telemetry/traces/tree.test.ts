import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Work } from "../../../src/telemetry/traces/record.ts";
import { contextOf, type SpanPlan, spanOfAnswer, spanOfWork } from "../../../src/telemetry/traces/tree.ts";

const WORK: Work = {
  ...{ operation: "chat", model: "small", class: "default", choices: 1, maxTokens: 50 },
  ...{ startedMs: 1_000, endMs: 1_500, firstMs: 1_250, error: undefined, content: undefined, route: undefined },
  wait: { untilMs: 1_100, ms: 90, position: 2 },
  cache: "miss",
  evaluations: [
    {
      choice: 0,
      endMs: 1_500,
      waitingMs: 0,
      prefillMs: 150,
      prefillTokens: 12,
      decodeMs: 250,
      decodeTokens: 8,
      computeMs: 300,
    },
  ],
  tries: [],
  reasons: ["stop"],
  tokens: { prompt: 12, cached: 0, completion: 8, reasoning: 0 },
};

const all = (plan: SpanPlan): readonly SpanPlan[] => [plan, ...plan.children.flatMap(all)];

describe("the spans of a request's work", () => {
  it("are its wait, prefill and decode, one after the other, in the convention's words", () => {
    const span = spanOfWork(WORK, undefined);
    expect(span).toMatchObject({
      ...{ name: "chat small", kind: "internal", startMs: 1_000, endMs: 1_500 },
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "llama.cpp",
        "gen_ai.request.model": "small",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 8,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.25,
      },
    });
    expect(span.children.map(({ name, startMs, endMs }) => [name, startMs, endMs])).toEqual([
      ["queue", 1_010, 1_100],
      ["prefill", 1_100, 1_250],
      ["decode", 1_250, 1_500],
    ]);
  });

  it("name the other server that answers, and are then a client's", () => {
    expect(spanOfWork(WORK, "there")).toMatchObject({
      kind: "client",
      attributes: { "gen_ai.provider.name": "there" },
    });
  });

  it("have its tries at other servers, of which the answered one lasts to the end", () => {
    const tried = { type: "tried", upstream: "there" } as const;
    const tries = [
      { ...tried, outcome: "failed", status: 500, earlier: 0, tookMs: 50, atMs: 1_150, spanId: "1".repeat(16) },
      { ...tried, outcome: "answered", earlier: 1, tookMs: 100, atMs: 1_300 },
    ] as const;
    const { children } = spanOfWork({ ...WORK, evaluations: [], wait: undefined, tries }, "generic");
    expect(children).toMatchObject([
      {
        ...{ name: "POST", kind: "client", startMs: 1_100, endMs: 1_150, error: "500", spanId: "1".repeat(16) },
        attributes: { "sluice.upstream": "there", "sluice.try.outcome": "failed", "error.type": "500" },
      },
      {
        ...{ startMs: 1_200, endMs: 1_500, error: undefined },
        attributes: { "http.request.resend_count": 1, "http.response.status_code": 200 },
      },
    ]);
  });

  it("tell the targets that a route has tried", () => {
    const steps = [
      { target: "large", outcome: "answered" },
      { target: "small", outcome: "failed", reason: "server_overloaded" },
      { target: "other", outcome: "spare" },
    ] as const;
    expect(spanOfWork({ ...WORK, route: { type: "routed", route: "any", steps } }, undefined).attributes).toMatchObject(
      {
        "sluice.route": "any",
        "sluice.route.tries": ["large answered", "small failed server_overloaded"],
      },
    );
  });

  it("never begin before their request, nor end before they begin", () => {
    const ms = fc.nat(10_000);
    const evaluation = fc.record({
      ...{ choice: fc.nat(3), endMs: ms.map((after) => 1_000 + after), waitingMs: ms, prefillMs: ms, decodeMs: ms },
      ...{ prefillTokens: fc.nat(99), decodeTokens: fc.nat(99), computeMs: ms },
    });
    const wait = fc.record({ untilMs: ms.map((after) => 1_000 + after), ms, position: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(evaluation), wait, (evaluations, waited) => {
        for (const { startMs, endMs } of all(spanOfWork({ ...WORK, evaluations, wait: waited }, undefined))) {
          expect(startMs).toBeGreaterThanOrEqual(WORK.startedMs);
          expect(endMs).toBeGreaterThanOrEqual(startMs);
        }
      }),
    );
  });
});

describe("the span of an answer", () => {
  const ANSWER = {
    ...{ requestId: "req_0af7651916cd43dd8448eb211c80319c", method: "POST", path: "/v1/models/x" },
    ...{ route: "/v1/models/{id}", status: 200, error: undefined, keyId: undefined, preset: undefined },
    ...{ startedMs: 1, endMs: 2 },
  };

  it("has the name of its route, and is in error only where the server is", () => {
    expect(spanOfAnswer(ANSWER)).toMatchObject({ name: "POST /v1/models/{id}", kind: "server", error: undefined });
    expect(spanOfAnswer({ ...ANSWER, status: 404, error: "model_not_found" })).toMatchObject({
      error: undefined,
      attributes: { "error.type": "model_not_found", "http.response.status_code": 404 },
    });
    expect(spanOfAnswer({ ...ANSWER, status: 503, error: "overloaded" })).toMatchObject({ error: "overloaded" });
  });

  it("is in its client's trace, else in one of its own", () => {
    const client = { traceId: "4".repeat(32), spanId: "7".repeat(16), isSampled: false, state: "a=1" };
    const decide = (_: string, ofClient: boolean | undefined) => ofClient ?? true;
    const ofClient = { ...client, spanId: "8448eb211c80319c", isTold: false };
    expect(contextOf(ANSWER.requestId, client, decide)).toEqual(ofClient);
    expect(contextOf(ANSWER.requestId, undefined, decide)).toEqual({
      ...{ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "8448eb211c80319c" },
      ...{ isSampled: true, state: undefined, isTold: true },
    });
    expect(contextOf("warm-up", undefined, decide)).toBeUndefined();
  });
});
