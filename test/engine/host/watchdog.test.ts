import { expect, test } from "vitest";
import { createWatchdog } from "../../../src/engine/host/watchdog.ts";
import { createFakeClock } from "../../fake-clock.ts";

const policy = { loadTimeoutMs: 600_000, heartbeatTimeoutMs: 15_000, decodeTimeoutMs: 120_000, stopGraceMs: 3_000 };

function createBench() {
  const clock = createFakeClock();
  const hung: string[] = [];
  const watchdog = createWatchdog({ clock, policy, onHung: (reason) => hung.push(reason) });
  return { clock, hung, watchdog };
}

test("a loading model may take 600 s, however quiet it is", () => {
  const { clock, hung, watchdog } = createBench();
  watchdog.loading();
  clock.advance(599_999);
  expect(hung).toEqual([]);
  clock.advance(1);
  expect(hung).toEqual(["the model did not load within 600 s"]);
  expect(clock.pending).toBe(0);
});

test("heartbeats do not lengthen the time to load", () => {
  const { clock, hung, watchdog } = createBench();
  watchdog.loading();
  for (let second = 0; second < 600; second += 1) {
    watchdog.heartbeat(0);
    clock.advance(1_000);
  }
  expect(hung).toHaveLength(1);
});

test("a loaded worker that sends heartbeats is not killed", () => {
  const { clock, hung, watchdog } = createBench();
  watchdog.loading();
  watchdog.loaded();
  for (let beat = 0; beat < 200; beat += 1) {
    clock.advance(14_000);
    watchdog.heartbeat(119_000);
  }
  expect(hung).toEqual([]);
});

test("a worker without a heartbeat for 15 s hangs, which is reported once", () => {
  const { clock, hung, watchdog } = createBench();
  watchdog.loaded();
  clock.advance(14_999);
  expect(hung).toEqual([]);
  clock.advance(60_000);
  expect(hung).toEqual(["the engine's process hung: it sent no heartbeat for 15 s"]);
});

test("a worker whose native call takes longer than 120 s hangs despite its heartbeats", () => {
  const { hung, watchdog } = createBench();
  watchdog.loaded();
  watchdog.heartbeat(120_000);
  expect(hung).toEqual([]);
  watchdog.heartbeat(120_500);
  watchdog.heartbeat(121_000);
  expect(hung).toEqual(["the engine's process hung: one native call took longer than 120 s"]);
});

test("a host that was suspended does not kill the worker", () => {
  // On waking one overdue timer fires before the heartbeats in the channel are read.
  let now = 0;
  const due: (() => void)[] = [];
  const hung: string[] = [];
  const clock = {
    now: () => now,
    after(_delayMs: number, callback: () => void) {
      due.push(callback);
      return () => due.splice(due.indexOf(callback), 1);
    },
  };
  const watchdog = createWatchdog({ clock, policy, onHung: (reason) => hung.push(reason) });
  watchdog.loaded();
  now = 3_600_000;
  due.shift()?.();
  watchdog.heartbeat(0);
  expect(hung).toEqual([]);
});

test("a worker that must exit by itself has the grace time", () => {
  const { clock, hung, watchdog } = createBench();
  watchdog.loading();
  watchdog.exiting();
  clock.advance(2_999);
  expect(hung).toEqual([]);
  clock.advance(600_000);
  expect(hung).toEqual(["the engine's process did not exit by itself"]);
});

test("a stopped watchdog has no timer and ignores heartbeats", () => {
  const { clock, hung, watchdog } = createBench();
  watchdog.loading();
  watchdog.loaded();
  watchdog.stop();
  expect(clock.pending).toBe(0);
  watchdog.heartbeat(1_000_000);
  expect(hung).toEqual([]);
});
