import { expect, test } from "vitest";
import { EngineCrashedError } from "../../../src/generation/errors.ts";
import type { FakeWorker } from "./fake-worker.ts";
import {
  at,
  type Bench,
  contentOf,
  contentsOf,
  createReadyBench,
  errorOf,
  type Reading,
  read,
  saying,
  settle,
  submissionOf,
  textOf,
} from "./helpers.ts";

const started = { promptTokens: 5, cachedTokens: 0 };

/** Runs the sequence of `content` for so many more tokens, each a digit: its number modulo 10. */
function run(worker: FakeWorker, content: string, tokens: number): void {
  const { id, replay } = submissionOf(worker, content);
  for (let index = replay.length; index < replay.length + tokens; index += 1) {
    const first = index === replay.length ? { started } : {};
    worker.step({ id, ...first, tokens: [index], text: String(index % 10) });
  }
}

/** Runs it to its trial's end, as the worker does at `max_tokens`: the last text holds what was kept back. */
function runTrial(worker: FakeWorker, content: string): void {
  const { id, replay, maxTokens } = submissionOf(worker, content);
  const limit = maxTokens ?? 0;
  run(worker, content, limit - replay.length - 1);
  worker.step({ id, tokens: [99], text: "#", finished: { reason: "length", completionTokens: limit } });
}

function finish(worker: FakeWorker, content: string, completionTokens: number): void {
  const { id } = submissionOf(worker, content);
  worker.step({ id, tokens: [99], text: ".", finished: { reason: "stop", completionTokens } });
}

/** Lets the worker die and its successor load. */
function crash({ clock, worker, workers }: Bench): void {
  const count = workers.length;
  worker.die();
  if (workers.length === count) clock.advance(30_000);
  at(workers, -1).load();
}

async function startReading(bench: Bench, ...contents: readonly string[]): Promise<Reading[]> {
  const readings = contents.map((content) => read(bench.engine.generate(saying(content))));
  await settle();
  return readings;
}

test("after a death every request continues from its tokens, in order of arrival", async () => {
  const bench = await createReadyBench();
  const readings = await startReading(bench, "a", "b", "c");
  run(bench.worker, "a", 3);
  run(bench.worker, "b", 1);
  await settle();
  crash(bench);
  expect(bench.workers).toHaveLength(2);
  expect(bench.worker.submitted.map(({ prompt, replay }) => [contentOf(prompt), replay])).toEqual([
    ["a", [0, 1, 2]],
    ["b", [0]],
    ["c", []],
  ]);
  for (const content of ["a", "b", "c"]) {
    run(bench.worker, content, 2);
    finish(bench.worker, content, 6);
  }
  for (const reading of readings) await reading.ended;
  expect(readings.map(({ events }) => textOf(events))).toEqual(["01234.", "012.", "01."]);
  for (const { events } of readings) expect(events.filter(({ type }) => type === "started")).toHaveLength(1);
  expect(bench.engine.counts).toEqual({ requests: 0, submissions: 0 });
});

test("the same seed is used when a request is submitted again", async () => {
  const bench = await createReadyBench();
  await startReading(bench, "a");
  const { sampling } = submissionOf(bench.worker, "a");
  crash(bench);
  expect(submissionOf(bench.worker, "a").sampling).toEqual(sampling);
});

test("a choice that had finished is not run again", async () => {
  const bench = await createReadyBench();
  const reading = read(bench.engine.generate(saying("a", { choices: 2, seed: 1 })));
  await settle();
  bench.worker.step({ id: 1, started, tokens: [1], text: "x", finished: { reason: "stop", completionTokens: 1 } });
  crash(bench);
  expect(bench.worker.submitted.map(({ sampling }) => sampling.seed)).toEqual([2]);
  finish(bench.worker, "a", 1);
  await reading.ended;
  expect([0, 1].map((choice) => textOf(reading.events, choice))).toEqual(["x", "."]);
});

test("updates of an earlier submission are ignored", async () => {
  const bench = await createReadyBench();
  const [reading] = await startReading(bench, "a");
  const old = submissionOf(bench.worker, "a");
  const [dead] = bench.workers;
  crash(bench);
  dead?.step({ id: old.id, started, tokens: [7], text: "stale" });
  bench.worker.step({ id: old.id, started, tokens: [7], text: "stale" });
  finish(bench.worker, "a", 1);
  await reading?.ended;
  expect(textOf(reading?.events ?? [])).toBe(".");
});

test("requests that arrive without a worker wait, and are submitted after the older ones", async () => {
  const bench = await createReadyBench();
  await startReading(bench, "a");
  bench.worker.die();
  await startReading(bench, "b");
  expect(bench.worker.submitted).toEqual([]);
  bench.worker.load();
  expect(contentsOf(bench.worker)).toEqual(["a", "b"]);
});

test("a request that was alone at three deaths fails with a clear error", async () => {
  const bench = await createReadyBench();
  const [reading] = await startReading(bench, "poison");
  crash(bench);
  crash(bench);
  expect(reading?.outcome).toBe("running");
  crash(bench);
  await reading?.ended;
  expect(reading && errorOf(reading)).toEqual(new EngineCrashedError(3));
  expect(bench.worker.submitted).toEqual([]);
  expect(bench.engine.state).toBe("ready");
});

test("after two deaths the requests are tried one at a time, and only the culprit fails", async () => {
  const bench = await createReadyBench();
  const [a, poison, c] = await startReading(bench, "a", "poison", "c");
  run(bench.worker, "a", 2);
  crash(bench);
  run(bench.worker, "a", 2);
  crash(bench);

  // a is first; nothing else is in the worker until it has passed its trial.
  expect(contentsOf(bench.worker)).toEqual(["a"]);
  expect(submissionOf(bench.worker, "a").maxTokens).toBe(13);
  runTrial(bench.worker, "a");
  expect(contentsOf(bench.worker)).toEqual(["a", "poison"]);
  crash(bench);
  await poison?.ended;
  expect(poison && errorOf(poison)).toEqual(new EngineCrashedError(3));

  expect(contentsOf(bench.worker)).toEqual(["c"]);
  runTrial(bench.worker, "c");
  // No suspect is left: both run together, each from where its trial ended, without the trial's last token and text.
  expect(contentsOf(bench.worker)).toEqual(["c", "a", "c"]);
  expect(submissionOf(bench.worker, "a").replay).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(submissionOf(bench.worker, "a").maxTokens).toBeUndefined();
  for (const content of ["a", "c"]) {
    run(bench.worker, content, 1);
    finish(bench.worker, content, 20);
  }
  await a?.ended;
  await c?.ended;
  expect(a && textOf(a.events)).toBe("0123456789012.");
  expect(c && textOf(c.events)).toBe("012345678.");
  expect(bench.engine.counts).toEqual({ requests: 0, submissions: 0 });
});

test("a suspect that finishes within its trial has finished", async () => {
  const bench = await createReadyBench();
  const [a, b] = await startReading(bench, "a", "b");
  crash(bench);
  crash(bench);
  run(bench.worker, "a", 2);
  finish(bench.worker, "a", 3);
  await a?.ended;
  expect(a?.outcome).toBe("done");
  expect(contentsOf(bench.worker)).toEqual(["a", "b"]);
  expect(b?.outcome).toBe("running");
});

test("a full context before the trial's limit ends the sequence", async () => {
  const bench = await createReadyBench();
  const [a] = await startReading(bench, "a");
  crash(bench);
  crash(bench);
  const { id } = submissionOf(bench.worker, "a");
  bench.worker.step({ id, started, tokens: [1], text: "x", finished: { reason: "length", completionTokens: 1 } });
  await a?.ended;
  expect(a && textOf(a.events)).toBe("x");
});

test("a request that comes during a trial waits until the last suspect is cleared", async () => {
  const bench = await createReadyBench();
  await startReading(bench, "a", "b");
  crash(bench);
  crash(bench);
  await startReading(bench, "new");
  expect(contentsOf(bench.worker)).toEqual(["a"]);
  runTrial(bench.worker, "a");
  expect(contentsOf(bench.worker)).toEqual(["a", "b"]);
  runTrial(bench.worker, "b");
  expect(contentsOf(bench.worker)).toEqual(["a", "b", "a", "b", "new"]);
});

test("a suspect whose client leaves makes room for the next one", async () => {
  const bench = await createReadyBench();
  const controller = new AbortController();
  read(bench.engine.generate(saying("a", { signal: controller.signal })));
  await startReading(bench, "b");
  crash(bench);
  crash(bench);
  expect(contentsOf(bench.worker)).toEqual(["a"]);
  controller.abort();
  expect(bench.worker.cancelled).toEqual([submissionOf(bench.worker, "a").id]);
  expect(contentsOf(bench.worker)).toEqual(["a", "b"]);
});

test("a death right after a cancel convicts nobody: the cancelled request may have done it", async () => {
  const bench = await createReadyBench();
  const controller = new AbortController();
  read(bench.engine.generate(saying("poison", { signal: controller.signal })));
  const [innocent] = await startReading(bench, "innocent");
  crash(bench);
  crash(bench);
  controller.abort();
  expect(contentsOf(bench.worker)).toEqual(["poison", "innocent"]);
  crash(bench);
  expect(innocent?.outcome).toBe("running");
  runTrial(bench.worker, "innocent");
  finish(bench.worker, "innocent", 30);
  await innocent?.ended;
  expect(innocent?.outcome).toBe("done");
});

test("a request of several choices is cleared when each of them has passed", async () => {
  const bench = await createReadyBench();
  read(bench.engine.generate(saying("a", { choices: 2 })));
  await startReading(bench, "b");
  crash(bench);
  crash(bench);
  const [first, second] = bench.worker.submitted;
  expect(contentsOf(bench.worker)).toEqual(["a", "a"]);
  bench.worker.step({
    id: first?.id ?? 0,
    started,
    tokens: [1],
    text: "",
    finished: { reason: "length", completionTokens: 9 },
  });
  expect(contentsOf(bench.worker)).toEqual(["a", "a"]);
  bench.worker.step({
    id: second?.id ?? 0,
    started,
    tokens: [1],
    text: "",
    finished: { reason: "length", completionTokens: 9 },
  });
  expect(contentsOf(bench.worker)).toEqual(["a", "a", "b"]);
});

test("deaths while the model loads again are blamed on no request", async () => {
  const bench = await createReadyBench();
  const [a] = await startReading(bench, "a");
  bench.worker.die();
  for (let attempt = 0; attempt < 4; attempt += 1) {
    bench.worker.die();
    bench.clock.advance(30_000);
  }
  bench.worker.load();
  expect(submissionOf(bench.worker, "a").maxTokens).toBeUndefined();
  finish(bench.worker, "a", 1);
  await a?.ended;
  expect(a?.outcome).toBe("done");
});
