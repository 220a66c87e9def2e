import { expect, test } from "vitest";
import type { TraceSettings } from "../../../src/telemetry/traces/environment.ts";
import { openTraces } from "../../../src/telemetry/traces/traces.ts";
import { generationRequest } from "../../fixtures/generation.ts";

const SETTINGS: TraceSettings = {
  ...{ encoding: "protobuf", batch: {}, withContent: false },
  sampler: { share: 1, heedsClient: true },
};
const CLIENT = { traceId: "4".repeat(32), spanId: "7".repeat(16), isSampled: true, state: undefined };

/** Traces on a clock that stands still in between. */
function open() {
  let ms = 0;
  const told: string[] = [];
  const traces = openTraces({
    ...{ settings: SETTINGS, version: "1", providerOf: () => undefined, warn: () => {}, now: () => ms },
    open: () => ({ tell: ({ type }) => void told.push(type), close: async () => {} }),
  });
  let requests = 0;
  const place = (client?: typeof CLIENT) =>
    traces.contextOf(`req_${(requests++).toString(16).padStart(32, "0")}`, client);
  return {
    ...{ traces, told, place },
    pass(passMs: number) {
      ms += passMs;
    },
    /** How many of so many requests are told of. */
    count: (all: number, client?: typeof CLIENT) =>
      Array.from({ length: all }, () => place(client)).filter((one) => one?.isTold === true).length,
  };
}

test("no more than a hundred requests a second are told of, and all whose clients are in a trace", async () => {
  const { count, pass } = open();
  expect(count(1_000)).toBe(100);
  expect(count(1_000, CLIENT)).toBe(1_000);
  pass(500);
  expect(count(1_000)).toBe(50);
  pass(60_000);
  expect(count(1_000)).toBe(100);
});

test("a request is told of whole or not at all", async () => {
  const { traces, told, place, count } = open();
  const answer = {
    ...{ method: "POST", path: "/", route: "/", status: 200 },
    ...{ error: undefined, keyId: undefined, preset: undefined },
  };
  const work = (trace: ReturnType<typeof place>) => {
    const request = generationRequest({ terms: { tenant: "local", priority: "default", ...(trace && { trace }) } });
    traces.follow(request, 0).note({ type: "ended", outcome: "done" }, () => 1);
    traces.answered(answer, { requestId: `req_${"a".repeat(32)}`, ms: 1, clientTrace: () => undefined, trace });
  };
  work(place());
  expect(told).toHaveLength(2);
  count(1_000);
  work(place());
  expect(told).toHaveLength(2);
});
