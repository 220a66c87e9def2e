import { expect, test } from "vitest";
import type { PlannedClient } from "../../../bench/load/arrivals.ts";
import { type OpenLoopOptions, retryAfterMs, runOpenLoop } from "../../../bench/load/open-loop.ts";
import { makeExchange } from "./exchanges.ts";

const CLIENT: PlannedClient = { atMs: 0, kind: "greedy" };
const OPTIONS = { patienceMs: 30_000, leastLeftMs: 5_000, signal: new AbortController().signal };

/** Answers the nth request with the nth status, and the last one for ever after. */
function answering(...statuses: readonly number[]): Pick<OpenLoopOptions, "ask"> & { readonly asked: number[] } {
  const asked: number[] = [];
  return {
    asked,
    async ask(_client, index) {
      asked.push(index);
      const status = statuses[asked.length - 1] ?? statuses.at(-1);
      return makeExchange({ status, headers: { "retry-after-ms": "1", "retry-after": "9" } });
    },
  };
}

test("a client that is answered comes once", async () => {
  const { ask, asked } = answering(200);
  const [visit] = await runOpenLoop([CLIENT], { ...OPTIONS, ask });
  expect(asked).toEqual([0]);
  expect(visit?.second).toBeUndefined();
});

test("a refused client comes back with the same request at the time it was told, and only once", async () => {
  const { ask, asked } = answering(503, 429);
  const [visit] = await runOpenLoop([CLIENT], { ...OPTIONS, ask });
  expect(asked).toEqual([0, 0]);
  expect(visit?.first.status).toBe(503);
  expect(visit?.second?.status).toBe(429);
});

test("a client doesn't retry when the answer would come after its patience ends", async () => {
  const { ask, asked } = answering(503);
  await runOpenLoop([CLIENT], { ...OPTIONS, patienceMs: 5_000, ask });
  expect(asked).toHaveLength(1);
});

test("clients come without waiting for the answers of those before", async () => {
  const both = Promise.withResolvers<void>();
  let here = 0;
  const visits = await runOpenLoop([CLIENT, CLIENT], {
    ...OPTIONS,
    async ask() {
      here += 1;
      if (here === 2) both.resolve();
      await both.promise;
      return makeExchange({ status: 200 });
    },
  });
  expect(visits).toHaveLength(2);
});

test("a client's signal is aborted when its patience is over", async () => {
  const [visit] = await runOpenLoop([CLIENT], {
    ...OPTIONS,
    patienceMs: 1,
    async ask(_client, _index, signal) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      return makeExchange({ cut: "gave up" });
    },
  });
  expect(visit?.first.cut).toBe("gave up");
});

test("the run rejects when it is aborted", async () => {
  const run = new AbortController();
  const visits = runOpenLoop([CLIENT, { ...CLIENT, atMs: 60_000 }], {
    ...OPTIONS,
    signal: run.signal,
    async ask() {
      run.abort(new Error("it was interrupted"));
      return makeExchange({ cut: "gave up" });
    },
  });
  await expect(visits).rejects.toThrow();
});

test("the time to retry is in ms when the server says so, else in seconds, and only a refusal has one", () => {
  expect(retryAfterMs({ status: 503, headers: { "retry-after-ms": "1200", "retry-after": "2" } })).toBe(1_200);
  expect(retryAfterMs({ status: 429, headers: { "retry-after": "2" } })).toBe(2_000);
  expect(retryAfterMs({ status: 503, headers: {} })).toBeUndefined();
  expect(retryAfterMs({ status: 503, headers: { "retry-after": "Fri, 31 Dec 1999 23:59:59 GMT" } })).toBeUndefined();
  expect(retryAfterMs({ status: 200, headers: { "retry-after": "2" } })).toBeUndefined();
});
