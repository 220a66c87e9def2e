import { fileURLToPath } from "node:url";
import { afterEach, expect, test, vi } from "vitest";
import { createEngine, type Engine } from "../../../src/engine/host/engine.ts";
import { EngineLoadError } from "../../../src/engine/host/errors.ts";
import type { SupervisionPolicy } from "../../../src/engine/host/policy.ts";
import { forkWorker } from "../../../src/engine/host/worker-child.ts";
import { EngineCrashedError } from "../../../src/generation/errors.ts";
import { createFakeClock, type FakeClock } from "../../fake-clock.ts";
import { createLogSpy, errorOf, OPTIONS, read, requestOf, textOf, userPrompt } from "./helpers.ts";

// Nothing here waits for time, but a process takes its time to start where the machine is busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const fixture = fileURLToPath(new URL("./fixtures/worker.ts", import.meta.url));
const engines: { readonly engine: Engine; readonly clock: FakeClock }[] = [];

/** An engine over real processes, on a clock that only the test moves. */
function createProcessBench(modelPath = "fine", policy: Partial<SupervisionPolicy> = {}) {
  const clock = createFakeClock();
  const { logger, lines } = createLogSpy();
  const pids: number[] = [];
  const engine = createEngine({
    options: { ...OPTIONS, modelPath },
    logger,
    clock,
    policy,
    spawn() {
      const child = forkWorker(fixture);
      if (child.pid !== undefined) pids.push(child.pid);
      return child;
    },
  });
  engines.push({ engine, clock });
  return { engine, clock, lines, pids };
}

afterEach(async () => {
  for (const { engine, clock } of engines.splice(0)) {
    const stopped = engine.stop();
    clock.advance(3_000);
    await stopped;
  }
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const scripted = (script: object) => requestOf({ prompt: userPrompt(JSON.stringify(script)) });
const numbers = (count: number): string => Array.from({ length: count }, (_, index) => `${index} `).join("");

test("a worker's process is forked with one pool thread and its own flags, not the gateway's, and answers", async () => {
  const { engine, pids } = createProcessBench();
  const info = await engine.start();
  expect(info.description).toBe("pool of 1, flags: --max-semi-space-size=1");
  expect(engine.pid).toBe(pids[0]);
  const reading = read(engine.generate(scripted({ tokens: 50 })));
  await reading.ended;
  expect(textOf(reading.events)).toBe(numbers(50));
});

test.each(["abort", "kill", "exit", "talk nonsense", "decode for ever"])(
  "an answer continues without a gap or a repeat if its process does this in the middle: %s",
  async (does) => {
    const { engine, pids } = createProcessBench();
    await engine.start();
    const readings = [
      read(engine.generate(scripted({ tokens: 40, does, at: 5 }))),
      read(engine.generate(scripted({ tokens: 40 }))),
    ];
    for (const reading of readings) await reading.ended;
    expect(readings.map(({ events }) => textOf(events))).toEqual([numbers(40), numbers(40)]);
    expect(pids).toHaveLength(2);
  },
);

test.each(["hang", "close the channel"])(
  "a process that does this is killed in time, and its answer continues: %s",
  async (does) => {
    const { engine, clock, pids } = createProcessBench();
    await engine.start();
    const text: string[] = [];
    for await (const event of engine.generate(scripted({ tokens: 20, does, at: 5 }))) {
      if (event.type === "text") text.push(event.text);
      // The fifth token is the last before the fault; from there only time helps.
      if (text.join("") === numbers(5)) {
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(20_000);
      }
    }
    expect(text.join("")).toBe(numbers(20));
    expect(pids).toHaveLength(2);
  },
);

test("four streams all finish when their worker is killed from outside in mid-stream", async () => {
  const { engine, pids } = createProcessBench();
  await engine.start();
  let paused = 0;
  const streams = Array.from({ length: 4 }, async () => {
    let text = "";
    for await (const event of engine.generate(scripted({ tokens: 30, does: "wait", at: 10 }))) {
      if (event.type === "text") text += event.text;
      if (text !== numbers(10)) continue;
      paused += 1;
      if (paused === 4 && engine.pid !== undefined) process.kill(engine.pid, "SIGKILL");
    }
    return text;
  });
  expect(await Promise.all(streams)).toEqual(Array.from({ length: 4 }, () => numbers(30)));
  expect(pids).toHaveLength(2);
});

test("a request that kills every process is given up after three, and the one beside it is answered", async () => {
  const { engine, pids, lines } = createProcessBench("fine", { restartDelayMs: 0 });
  await engine.start();
  const poison = read(engine.generate(scripted({ tokens: 20, does: "kill", at: 3, always: true })));
  const innocent = read(engine.generate(scripted({ tokens: 30 })));
  await poison.ended;
  await innocent.ended;
  expect(errorOf(poison)).toEqual(new EngineCrashedError(3));
  expect(textOf(poison.events)).toBe(numbers(3));
  expect(textOf(innocent.events)).toBe(numbers(30));
  expect(pids).toHaveLength(4);
  expect(pids.filter(isAlive)).toEqual([engine.pid]);
  expect(lines.some(({ msg }) => String(msg).includes("was ended by SIGKILL"))).toBe(true);
});

test("a model that is refused gives one error with the reason, the exit and the last lines", async () => {
  const { engine, pids } = createProcessBench("refuse");
  const error = await engine.start().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(EngineLoadError);
  expect(String(error)).toContain("the file is not a GGUF");
  expect(String(error)).toContain("loading refuse");
  expect(String(error)).toContain("tensor missing");
  expect(pids.filter(isAlive)).toEqual([]);
  expect(pids).toHaveLength(1);
});

test("a process that dies while it loads gives one error with the signal", async () => {
  const { engine, pids } = createProcessBench("crash");
  await expect(engine.start()).rejects.toThrow("the engine's process was ended by SIGKILL");
  expect(pids).toHaveLength(1);
});

test("a worker file that does not exist gives one error with Node's words", async () => {
  const { logger } = createLogSpy();
  const engine = createEngine({ options: OPTIONS, logger, spawn: () => forkWorker(`${fixture}.missing.ts`) });
  await expect(engine.start()).rejects.toThrow("Cannot find module");
});

test("a stop resolves when the process has gone", async () => {
  const { engine, pids } = createProcessBench();
  await engine.start();
  await engine.stop();
  expect(pids.filter(isAlive)).toEqual([]);
});

test("a process that doesn't exit by itself is killed after the grace time", async () => {
  const { engine, clock, pids } = createProcessBench("stubborn");
  await engine.start();
  const stopped = engine.stop();
  expect(pids.filter(isAlive)).toEqual(pids);
  clock.advance(3_000);
  await stopped;
  expect(pids.filter(isAlive)).toEqual([]);
});
