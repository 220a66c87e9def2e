import { expect, test } from "vitest";
import { EngineLoadError, EngineStoppedError } from "../../../src/engine/host/errors.ts";
import { EngineUnavailableError } from "../../../src/generation/errors.ts";
import { INFO } from "./fake-worker.ts";
import {
  at,
  createBench,
  createLogSpy,
  createReadyBench,
  errorOf,
  OPTIONS,
  read,
  requestOf,
  settle,
} from "./helpers.ts";

test("a start sends the options and resolves to the worker's report", async () => {
  const { engine, workers } = createBench();
  expect(engine.state).toBe("unloaded");
  expect(engine.pid).toBeUndefined();
  const started = engine.start();
  expect(engine.state).toBe("loading");
  const worker = at(workers, 0);
  expect(worker.sent).toEqual([{ type: "load", options: OPTIONS }]);
  worker.load();
  expect(await started).toEqual(INFO);
  expect(engine.state).toBe("ready");
  expect(engine.info).toEqual(INFO);
  expect(engine.pid).toBe(worker.pid);
});

test("starting twice loads once", async () => {
  const { engine, workers } = createBench();
  const [first, second] = [engine.start(), engine.start()];
  at(workers, 0).load();
  expect(await first).toBe(await second);
  expect(workers).toHaveLength(1);
});

test("a model that can't load gives one error with the worker's reason, its exit and its last lines, and no restart", async () => {
  const { engine, clock, workers } = createBench();
  const started = engine.start();
  const waiting = read(engine.generate(requestOf()));
  await settle();
  const worker = at(workers, 0);
  worker.obedient = false;
  worker.stderr.write("error loading model: tensor missing\n");
  await settle();
  worker.say({ type: "loadFailed", reason: "the file is not a GGUF" });
  worker.die(1, null);

  const error = await started.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(EngineLoadError);
  expect(String(error)).toBe(
    "EngineLoadError: The model /models/fake.gguf could not be loaded: the file is not a GGUF (the engine's process exited with code 1).\n" +
      "The engine's last lines:\n  error loading model: tensor missing",
  );
  expect(engine.state).toBe("failed");
  await waiting.ended;
  expect(errorOf(waiting)).toBeInstanceOf(EngineUnavailableError);
  clock.advance(3_600_000);
  expect(workers).toHaveLength(1);
});

test("a worker that says that it can't load and then lingers is killed", async () => {
  const { engine, clock, workers } = createBench();
  const started = engine.start();
  const worker = at(workers, 0);
  worker.say({ type: "loadFailed", reason: "no memory" });
  clock.advance(3_000);
  await expect(started).rejects.toThrow("no memory");
  expect(worker.killedWith).toEqual(["SIGKILL"]);
});

test("a crash while the model loads for the first time gives one error and no restart", async () => {
  const { engine, clock, workers } = createBench();
  const started = engine.start();
  at(workers, 0).die(null, "SIGABRT");
  await expect(started).rejects.toThrow("the engine's process was ended by SIGABRT");
  clock.advance(3_600_000);
  expect(workers).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

test("a model that never finishes loading fails after the load timeout", async () => {
  const { engine, clock, workers } = createBench();
  const started = engine.start();
  for (let second = 0; second < 600; second += 1) {
    at(workers, 0).say({ type: "heartbeat", decodingForMs: 0 });
    clock.advance(1_000);
  }
  await expect(started).rejects.toThrow("the model did not load within 600 s");
});

test("stopping while the model loads rejects the start and ends the process", async () => {
  const { engine, workers } = createBench();
  const started = engine.start();
  const stopped = engine.stop();
  await expect(started).rejects.toBeInstanceOf(EngineStoppedError);
  await stopped;
  expect(at(workers, 0).dead).toBe(true);
  await expect(engine.start()).rejects.toBeInstanceOf(EngineStoppedError);
  expect(workers).toHaveLength(1);
});

test("an engine that was never started stops at once", async () => {
  const { engine, workers } = createBench();
  await engine.stop();
  expect(engine.state).toBe("stopped");
  expect(workers).toHaveLength(0);
});

test("a stop fails what runs, resolves when the process has exited, and leaves no timer", async () => {
  const { engine, clock, worker } = await createReadyBench();
  worker.obedient = false;
  const running = read(engine.generate(requestOf()));
  await settle();
  let exited = false;
  const stopped = engine.stop().then(() => {
    exited = true;
  });
  expect(engine.state).toBe("stopped");
  await running.ended;
  expect(errorOf(running)).toBeInstanceOf(EngineUnavailableError);
  expect(exited).toBe(false);
  clock.advance(3_000);
  expect(worker.killedWith).toEqual(["SIGKILL"]);
  worker.die(null, "SIGKILL");
  await stopped;
  await engine.stop();
  expect(clock.pending).toBe(0);
  expect(engine.counts).toEqual({ requests: 0, submissions: 0 });

  const late = read(engine.generate(requestOf()));
  await late.ended;
  expect(String(errorOf(late))).toContain("was stopped");
});

test("a stop between a death and the restart prevents the restart", async () => {
  const { engine, clock, workers } = await createReadyBench();
  at(workers, 0).die();
  at(workers, 1).die();
  expect(engine.state).toBe("restarting");
  await engine.stop();
  clock.advance(3_600_000);
  expect(workers).toHaveLength(2);
  expect(clock.pending).toBe(0);
});

test("a dead worker is replaced at once; the next ones after 500 ms, 1 s, 2 s", async () => {
  const { engine, clock, workers } = await createReadyBench();
  at(workers, 0).die();
  expect(engine.state).toBe("restarting");
  expect(workers).toHaveLength(2);
  for (const delayMs of [500, 1_000, 2_000]) {
    at(workers, -1).load();
    expect(engine.state).toBe("ready");
    const count = workers.length;
    at(workers, -1).die();
    clock.advance(delayMs - 1);
    expect(workers).toHaveLength(count);
    clock.advance(1);
    expect(workers).toHaveLength(count + 1);
  }
});

test("after a healthy minute the next restart is made at once again", async () => {
  const { clock, workers } = await createReadyBench();
  for (let death = 0; death < 3; death += 1) {
    at(workers, -1).die();
    clock.advance(30_000);
    at(workers, -1).load();
  }
  const count = workers.length;
  for (let second = 0; second < 60; second += 1) {
    clock.advance(1_000);
    at(workers, -1).say({ type: "heartbeat", decodingForMs: 0 });
  }
  at(workers, -1).die();
  expect(workers).toHaveLength(count + 1);
});

test.each([
  ["dies while it loads", "its process was ended by SIGABRT", (worker: { die(): void }) => worker.die()],
  [
    "says that it can't load",
    "no memory for …",
    (worker: { say(message: { type: "loadFailed"; reason: string }): void; die(): void }) => {
      worker.say({ type: "loadFailed", reason: "no memory for /models/fake.gguf" });
      worker.die();
    },
  ],
])(
  "an engine whose worker %s five times in a row fails old and new requests, and is tried again after a minute",
  async (_name, reason, fail) => {
    const { engine, clock, workers } = await createReadyBench();
    const old = read(engine.generate(requestOf()));
    await settle();
    at(workers, 0).die();
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      expect(engine.state).toBe("restarting");
      expect(workers).toHaveLength(1 + attempt);
      fail(at(workers, -1));
      clock.advance(30_000);
    }
    expect(engine.state).toBe("failed");
    await old.ended;
    expect(errorOf(old)).toBeInstanceOf(EngineUnavailableError);
    const late = read(engine.generate(requestOf()));
    await late.ended;
    expect(errorOf(late)).toEqual(
      new EngineUnavailableError(
        `The model could not be loaded: ${reason}. The gateway's log says more; it is tried again in 30 s.`,
      ),
    );
    expect(workers).toHaveLength(6);
    expect(engine.counts).toEqual({ requests: 0, submissions: 0 });

    clock.advance(30_000);
    expect(engine.state).toBe("loading");
    const early = read(engine.generate(requestOf()));
    await settle();
    at(workers, 6).load();
    expect(engine.state).toBe("ready");
    expect(at(workers, 6).submitted).toHaveLength(1);
    expect(early.outcome).toBe("running");
  },
);

test("a successful restart resets the count of failed ones", async () => {
  const { engine, clock, workers } = await createReadyBench();
  for (let round = 0; round < 3; round += 1) {
    at(workers, -1).die();
    for (let attempt = 0; attempt < 4; attempt += 1) {
      clock.advance(30_000);
      at(workers, -1).die();
    }
    clock.advance(30_000);
    at(workers, -1).load();
    expect(engine.state).toBe("ready");
  }
});

test("a worker that hangs is killed and replaced", async () => {
  const { engine, clock, worker, workers } = await createReadyBench();
  clock.advance(15_000);
  await settle();
  expect(worker.killedWith).toEqual(["SIGKILL"]);
  expect(workers).toHaveLength(2);
  at(workers, 1).load();
  expect(engine.state).toBe("ready");
  at(workers, 1).say({ type: "heartbeat", decodingForMs: 130_000 });
  await settle();
  expect(at(workers, 1).killedWith).toEqual(["SIGKILL"]);
});

test("the worker's log lines and its death are in the log", async () => {
  const { logger, lines } = createLogSpy();
  const { worker } = await createReadyBench({}, logger);
  worker.say({ type: "log", level: "warn", message: "slow disk" });
  worker.stderr.write("GGML_ASSERT failed\n");
  await settle();
  worker.die(null, "SIGABRT");
  expect(lines).toContainEqual(expect.objectContaining({ level: 40, msg: "engine: slow disk", enginePid: worker.pid }));
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 50,
      enginePid: worker.pid,
      lastLines: ["GGML_ASSERT failed"],
      msg: "the engine's process was ended by SIGABRT; its requests go on in a new one",
    }),
  );
});
