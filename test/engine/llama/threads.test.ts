import { describe, expect, test } from "vitest";
import { createThreadTuner } from "../../../src/engine/llama/threads.ts";

/** A machine with `cores` cores, some of which other programs keep busy. */
function createMachine(cores: number) {
  let clockMs = 0;
  const machine = { busyCores: 0 };
  const tuner = createThreadTuner({
    maxThreads: cores,
    now: () => clockMs,
    roomCores: () => cores - machine.busyCores,
  });
  /** What a call takes: perfect sharing of work, a fixed part, and a long wait where a thread has no core of its own. */
  function call(workMs: number, fixedMs: number): { threads: number; ms: number } {
    const shape = String(workMs);
    const threads = tuner.choose(shape, workMs >= 50);
    const heldUp = threads > cores - machine.busyCores && threads > 1;
    const ms = heldUp ? 3_000 : fixedMs * threads + workMs / threads;
    clockMs += ms;
    tuner.record(shape, threads, ms);
    return { threads, ms };
  }
  return {
    machine,
    call,
    run: (calls: number, workMs: number, fixedMs = 1) => Array.from({ length: calls }, () => call(workMs, fixedMs)),
  };
}

function createIdleMachine() {
  let clockMs = 0;
  const machine = { roomCores: 2 };
  return {
    machine,
    tuner: createThreadTuner({ maxThreads: 2, now: () => clockMs, roomCores: () => machine.roomCores }),
    spend: (ms: number) => {
      clockMs += ms;
    },
  };
}

const share = (calls: { threads: number }[], threads: number) =>
  calls.filter((call) => call.threads === threads).length / calls.length;

describe("the thread tuner", () => {
  test("gives large calls all threads, and small ones fewer if that is faster", () => {
    const { run } = createMachine(2);
    expect(share(run(300, 100), 2)).toBeGreaterThan(0.95);
    expect(share(run(300, 4, 3), 1)).toBeGreaterThan(0.95);
  });

  test("retreats after one call that another program delayed", () => {
    const { machine, run } = createMachine(2);
    run(100, 20);
    machine.busyCores = 1;
    const held = run(1000, 20).filter(({ ms }) => ms > 1000);
    expect(held.length).toBe(1);
  });

  test("keeps as many threads as cores are left", () => {
    const { machine, run } = createMachine(8);
    run(200, 100);
    machine.busyCores = 2;
    const calls = run(400, 100).slice(20);
    expect(calls.every(({ ms }) => ms < 1000)).toBe(true);
    expect(share(calls, 6)).toBeGreaterThan(0.9);
  });

  test("comes back to all threads when the other program is gone", () => {
    const { machine, run } = createMachine(2);
    run(100, 20);
    machine.busyCores = 1;
    run(200, 20);
    machine.busyCores = 0;
    run(200, 20);
    expect(share(run(300, 20), 2)).toBeGreaterThan(0.9);
  });

  test("comes back at the next try if all threads were slow for a while without delays", () => {
    const { tuner, spend } = createIdleMachine();
    const run = (calls: number, msOf: (threads: number) => number) =>
      Array.from({ length: calls }, () => {
        const threads = tuner.choose("small", false);
        spend(msOf(threads));
        tuner.record("small", threads, msOf(threads));
        return { threads };
      });
    const undisturbed = (threads: number) => (threads === 2 ? 35 : 60);
    run(200, undisturbed);
    run(2_000, (threads) => (threads === 2 ? 80 : 110));
    expect(share(run(100, (threads) => (threads === 2 ? 180 : 60)).slice(50), 1)).toBeGreaterThan(0.9);
    run(100, undisturbed);
    expect(share(run(100, undisturbed), 2)).toBeGreaterThan(0.9);
  });

  test("detects another program that was running before", () => {
    const { machine, run } = createMachine(2);
    machine.busyCores = 1;
    const calls = run(1000, 20);
    expect(calls.filter(({ ms }) => ms > 1000).length).toBeLessThanOrEqual(3);
  });

  test("stays with all threads after one call that took a little longer", () => {
    const { tuner, spend } = createIdleMachine();
    for (let call = 0; call < 200; call++) {
      tuner.choose("large", true);
      spend(call === 100 ? 60 : 12);
      tuner.record("large", 2, call === 100 ? 60 : 12);
    }
    expect(tuner.choose("large", true)).toBe(2);
  });

  test("takes all threads after a pause, whatever other programs did meanwhile", () => {
    const { tuner, spend, machine } = createIdleMachine();
    spend(5_000);
    machine.roomCores = 0.2;
    expect(tuner.choose("large", true)).toBe(2);
  });

  test("never asks for more threads than it may, nor for none", () => {
    const { run } = createMachine(1);
    expect(share(run(10, 20), 1)).toBe(1);
  });
});
