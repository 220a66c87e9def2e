import { describe, expect, it } from "vitest";
import type { Occupancy } from "../../src/generation/backend.ts";
import { EngineUnavailableError, OverloadedError } from "../../src/generation/errors.ts";
import { formatLoad } from "../../src/http/load-report.ts";
import { readLoadReport } from "../../src/upstream/gauges.ts";
import { answerWith, CHAT, chatInit, createTestApp, script, servedModel } from "./support.ts";

const BUSY: Occupancy = {
  ...{ waiting: 3, running: 2, firstTokenMs: undefined },
  kv: { heldTokens: 400, roomTokens: 1_000 },
};

const withHeaders = (headers: Readonly<Record<string, string>>, body = {}) => {
  const init = chatInit(body);
  return { ...init, headers: { ...init.headers, ...headers } };
};

describe("a report of the load", () => {
  const { app } = createTestApp({
    models: [servedModel(script(answerWith(["Hi"])), { occupancy: () => BUSY })],
  });
  const ask = async (format: string, body = {}) =>
    (await app.request(CHAT, withHeaders({ "endpoint-load-metrics-format": format }, body))).headers.get(
      "endpoint-load-metrics",
    );

  it("comes with an answer, whole or streamed, in the form that was asked for", async () => {
    const text =
      "TEXT named_metrics.kv_cache_usage_perc=0.4, named_metrics.num_requests_waiting=3, named_metrics.num_requests_running=2";
    const json = { named_metrics: { kv_cache_usage_perc: 0.4, num_requests_waiting: 3, num_requests_running: 2 } };
    expect(await ask("text")).toBe(text);
    expect(await ask("TEXT", { stream: true })).toBe(text);
    expect(await ask("Json")).toBe(`JSON ${JSON.stringify(json)}`);
  });

  it("comes unasked to nobody, and in no other form", async () => {
    expect(await ask("BIN")).toBeNull();
    expect((await app.request(CHAT, chatInit({}))).headers.has("endpoint-load-metrics")).toBe(false);
  });

  it("is read by another gateway as it was meant", () => {
    for (const format of ["TEXT", "JSON"]) {
      expect(readLoadReport(formatLoad(format, BUSY) ?? "")).toEqual({ waiting: 3, running: 2 });
    }
  });
});

describe("a request that is refused because there is too much to do", () => {
  const refuse = (error: Error) =>
    createTestApp({
      generate: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) }),
    }).app;
  const LLM_D = { "x-llm-d-inference-objective": "chat" };

  it.each([
    ["full", "rejected-saturated"],
    ["late", "rejected-saturated"],
    ["expired", "rejected-ttl-expired"],
  ] as const)("is a 429 with llm-d's reason for %s, if it speaks llm-d's words", async (why, reason) => {
    const app = refuse(new OverloadedError("Too much.", 1_000, why));
    const answer = await app.request(CHAT, withHeaders(LLM_D));
    expect(answer.status).toBe(429);
    expect(answer.headers.get("x-llm-d-request-dropped-reason")).toBe(reason);
    expect(answer.headers.get("retry-after")).toBe("1");
    const other = await app.request(CHAT, chatInit({}));
    expect(other.status).toBe(503);
    expect(other.headers.has("x-llm-d-request-dropped-reason")).toBe(false);
  });

  it("stays a 503 for llm-d, too, if the gateway stops", async () => {
    const answer = await refuse(new EngineUnavailableError("It stops.")).request(CHAT, withHeaders(LLM_D));
    expect(answer.status).toBe(503);
    expect(answer.headers.get("x-llm-d-request-dropped-reason")).toBe("rejected-shutting-down");
  });
});
