import { expect, test } from "vitest";
import { parseWorkerMessage, type WorkerMessage } from "../../../src/engine/contract/messages.ts";
import type { WorkerDeath } from "../../../src/engine/host/errors.ts";
import { openWorker } from "../../../src/engine/host/worker-process.ts";
import { createFakeClock } from "../../fake-clock.ts";
import { FakeWorker } from "./fake-worker.ts";
import { at, createLogSpy, settle } from "./helpers.ts";

function open(child: FakeWorker | Error) {
  const clock = createFakeClock();
  const { logger, lines } = createLogSpy();
  const messages: WorkerMessage[] = [];
  const deaths: WorkerDeath[] = [];
  const worker = openWorker({
    spawn() {
      if (child instanceof Error) throw child;
      return child;
    },
    clock,
    policy: { stopGraceMs: 3_000, drainMs: 1_000 },
    logger,
    parse: parseWorkerMessage,
    onMessage: (message) => messages.push(message),
    onDeath: (death) => deaths.push(death),
  });
  return { clock, lines, messages, deaths, worker };
}

test("messages that arrive after the exit are still handled, and the death is reported after the last one", () => {
  const child = new FakeWorker();
  const { messages, deaths } = open(child);
  child.emit("exit", null, "SIGSEGV");
  expect(deaths).toEqual([]);
  child.say({ type: "heartbeat", decodingForMs: 0 });
  child.emit("close", null, "SIGSEGV");
  expect(messages).toHaveLength(1);
  expect(deaths).toEqual([{ exitCode: null, signal: "SIGSEGV", reason: undefined, lastLines: [] }]);
  child.say({ type: "heartbeat", decodingForMs: 0 });
  expect(messages).toHaveLength(1);
});

test("a process that has exited counts as dead although another one holds its output open", () => {
  const child = new FakeWorker();
  const { clock, deaths } = open(child);
  child.emit("disconnect");
  child.emit("exit", 1, null);
  clock.advance(1_000);
  expect(deaths).toHaveLength(1);
  child.emit("close", 1, null);
  expect(deaths).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

test("the last lines of its output come with the death and go to the log", async () => {
  const child = new FakeWorker();
  const { deaths, lines } = open(child);
  child.stdout.write("loading\n");
  child.stderr.write("GGML_ASSERT(n > 0) failed\n");
  await settle();
  child.die();
  expect(at(deaths, 0).lastLines).toEqual(["loading", "GGML_ASSERT(n > 0) failed"]);
  expect(lines).toMatchObject([
    { level: 20, msg: "the engine loads", enginePid: child.pid },
    { level: 20, msg: "engine: loading", enginePid: child.pid },
    { level: 20, msg: "engine: GGML_ASSERT(n > 0) failed" },
  ]);
});

test("a spawn that throws is a death with a reason", async () => {
  const { deaths, worker } = open(new Error("EAGAIN"));
  expect(deaths).toEqual([]);
  worker.send({ type: "cancel", id: 1 });
  worker.end();
  worker.kill("no use");
  await settle();
  expect(deaths).toEqual([
    { exitCode: null, signal: null, reason: "the engine's process could not be started: EAGAIN", lastLines: [] },
  ]);
});

test("a process that could not be started is a death with a reason", () => {
  class Unborn extends FakeWorker {
    override readonly pid = undefined;
  }
  const child = new Unborn();
  const { clock, deaths } = open(child);
  child.emit("error", new Error("spawn ENOENT"));
  clock.advance(1_000);
  expect(deaths).toMatchObject([{ reason: "the engine's process could not be started: spawn ENOENT" }]);
});

test("an error event of a running process is no death and is not thrown", () => {
  const child = new FakeWorker();
  const { deaths } = open(child);
  child.emit("error", new Error("write EPIPE"));
  expect(deaths).toEqual([]);
});

test("an invalid message ends the worker, and the death names the field", async () => {
  const child = new FakeWorker();
  const { deaths, messages } = open(child);
  child.emit("message", { type: "step", updates: "all" });
  await settle();
  expect(messages).toEqual([]);
  expect(at(deaths, 0)).toMatchObject({
    signal: "SIGKILL",
    reason: "the engine's process sent a message that is not in the contract: updates: invalid_type",
  });
});

test("a worker that doesn't exit when asked is killed after the grace time", () => {
  const child = new FakeWorker();
  child.obedient = false;
  const { clock, worker } = open(child);
  worker.end();
  expect(child.connected).toBe(false);
  clock.advance(2_999);
  expect(child.killedWith).toEqual([]);
  clock.advance(1);
  expect(child.killedWith).toEqual(["SIGKILL"]);
});

test("a worker that closes its channel without exiting is killed after the grace time", () => {
  const child = new FakeWorker();
  child.obedient = false;
  const { clock } = open(child);
  child.emit("disconnect");
  clock.advance(3_000);
  expect(child.killedWith).toEqual(["SIGKILL"]);
});

test("a death reports the first reason for a kill", async () => {
  const child = new FakeWorker();
  const { deaths, worker } = open(child);
  worker.kill("it hung");
  worker.kill("something else");
  await settle();
  expect(at(deaths, 0).reason).toBe("it hung");
});
