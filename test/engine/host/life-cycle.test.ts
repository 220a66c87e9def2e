import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EngineLoadError, EngineStoppedError } from "../../../src/engine/host/errors.ts";
import type { LifeState, Room } from "../../../src/engine/host/life-cycle.ts";
import { EngineUnavailableError } from "../../../src/generation/errors.ts";
import { createEmbedderBench, texts } from "./fake-embedder.ts";
import {
  at,
  type Bench,
  contentsOf,
  createBench,
  createReadyBench,
  errorOf,
  read,
  saying,
  settle,
  silentLogger,
} from "./helpers.ts";

const started = { promptTokens: 5, cachedTokens: 0 };

function statesOf({ engine }: Bench): LifeState[] {
  const states: LifeState[] = [];
  engine.onStateChange((state) => states.push(state));
  return states;
}

function finishAll({ worker }: Bench): void {
  for (const { id } of worker.submitted) {
    worker.step({ id, started, tokens: [1], text: ".", finished: { reason: "stop", completionTokens: 1 } });
  }
}

describe("an engine", () => {
  test("that was never started is loaded by the first request", async () => {
    const bench = createBench();
    const states = statesOf(bench);
    read(bench.engine.generate(saying("a")));
    await settle();
    bench.worker.load();
    expect(contentsOf(bench.worker)).toEqual(["a"]);
    expect(states).toEqual(["loading", "ready"]);
  });

  test("that is unloaded finishes its work, and loads again for work that arrives meanwhile", async () => {
    const bench = await createReadyBench();
    const states = statesOf(bench);
    const first = read(bench.engine.generate(saying("first")));
    await settle();
    const unloaded = bench.engine.unload();
    const second = read(bench.engine.generate(saying("second")));
    await settle();
    expect(contentsOf(bench.worker)).toEqual(["first"]);
    expect(bench.worker.connected).toBe(true);
    finishAll(bench);
    await first.ended;
    expect(first.outcome).toBe("done");
    await unloaded;
    expect(bench.workers).toHaveLength(2);
    bench.worker.load();
    expect(contentsOf(bench.worker)).toEqual(["second"]);
    finishAll(bench);
    await second.ended;
    expect(second.outcome).toBe("done");
    expect(states).toEqual(["unloading", "loading", "ready"]);
  });

  test("that dies while it finishes its work continues it in the next process", async () => {
    const bench = await createReadyBench();
    const reading = read(bench.engine.generate(saying("a")));
    await settle();
    const unloaded = bench.engine.unload();
    bench.worker.die();
    await unloaded;
    bench.worker.load();
    finishAll(bench);
    await reading.ended;
    expect(reading.outcome).toBe("done");
  });

  test("that is unloaded without a drain fails its work, exits, and can be loaded again", async () => {
    const bench = await createReadyBench();
    const states = statesOf(bench);
    const reading = read(bench.engine.generate(saying("a")));
    await settle();
    await bench.engine.unload({ drain: false });
    await reading.ended;
    expect(errorOf(reading)).toEqual(new EngineUnavailableError("The engine for this model was unloaded."));
    expect(bench.worker.dead).toBe(true);
    expect(bench.clock.pending).toBe(0);
    expect(bench.engine.counts).toEqual({ requests: 0, submissions: 0 });
    const loaded = bench.engine.load();
    bench.worker.load();
    await loaded;
    expect(states).toEqual(["unloading", "unloaded", "loading", "ready"]);
  });

  test("that is unloaded while it loads rejects the load", async () => {
    const bench = createBench();
    const load = bench.engine.load();
    load.catch(() => {});
    await bench.engine.unload();
    await expect(load).rejects.toBeInstanceOf(EngineStoppedError);
    expect(bench.engine.state).toBe("unloaded");
    expect(bench.clock.pending).toBe(0);
  });

  test("that is loaded while it unloads loads again", async () => {
    const bench = await createReadyBench();
    const unloaded = bench.engine.unload();
    const loaded = bench.engine.load();
    await unloaded;
    expect(bench.workers).toHaveLength(2);
    bench.worker.load();
    await loaded;
  });

  test("that was idle for a while is unloaded if the policy says so, and loads for the next request", async () => {
    const bench = await createReadyBench({ idleMs: 10_000 });
    const beat = () => {
      bench.clock.advance(9_000);
      bench.worker.say({ type: "heartbeat", decodingForMs: 0 });
    };
    beat();
    const reading = read(bench.engine.generate(saying("a")));
    await settle();
    beat();
    expect(bench.engine.state).toBe("ready");
    finishAll(bench);
    await reading.ended;
    beat();
    expect(bench.engine.state).toBe("ready");
    bench.clock.advance(1_000);
    await settle();
    expect(bench.engine.state).toBe("unloaded");
    expect(bench.clock.pending).toBe(0);
    const next = bench.engine.text.tokenize("a", { addSpecial: false, parseSpecial: false });
    bench.worker.load();
    expect(bench.worker.queries).toHaveLength(1);
    next.catch(() => {});
  });

  test("that dies without work is not restarted if it runs only while it is used", async () => {
    const bench = await createReadyBench({ idleMs: 10_000 });
    bench.worker.die();
    expect(bench.engine.state).toBe("unloaded");
    expect(bench.clock.pending).toBe(0);
  });

  test("that has failed is tried again at once by a load, and by a request only after a while", async () => {
    const bench = createBench();
    const first = bench.engine.load();
    bench.worker.die(1, null);
    await expect(first).rejects.toBeInstanceOf(EngineLoadError);
    const early = read(bench.engine.generate(saying("early")));
    await early.ended;
    expect(String(errorOf(early))).toContain("it is tried again in 60 s");
    expect(bench.workers).toHaveLength(1);

    const second = bench.engine.load();
    expect(bench.workers).toHaveLength(2);
    bench.worker.die(1, null);
    await expect(second).rejects.toBeInstanceOf(EngineLoadError);

    bench.clock.advance(119_999);
    const waiting = read(bench.engine.generate(saying("still early")));
    await waiting.ended;
    expect(bench.workers).toHaveLength(2);
    bench.clock.advance(1);
    const late = read(bench.engine.generate(saying("late")));
    await settle();
    expect(bench.workers).toHaveLength(3);
    bench.worker.load();
    finishAll(bench);
    await late.ended;
    expect(late.outcome).toBe("done");
  });

  test("reports its states until the listener unsubscribes", async () => {
    const bench = createBench();
    const states: LifeState[] = [];
    const leave = bench.engine.onStateChange((state) => states.push(state));
    const load = bench.engine.load();
    bench.worker.load();
    await load;
    bench.worker.die();
    leave();
    bench.worker.load();
    expect(states).toEqual(["loading", "ready", "restarting"]);
  });
});

test("an embedder goes through the same states", async () => {
  const bench = createEmbedderBench({ idleMs: 1_000 });
  const states: LifeState[] = [];
  bench.embedder.onStateChange((state) => states.push(state));
  const result = bench.embedder.embed(texts(["a"]));
  bench.worker.load();
  bench.worker.die();
  bench.worker.load();
  bench.worker.answer(1);
  await result;
  bench.clock.advance(1_000);
  await settle();
  const load = bench.embedder.load();
  bench.worker.load();
  await load;
  const running = bench.embedder.embed(texts(["b"]));
  const unloaded = bench.embedder.unload();
  bench.worker.answer(2);
  expect((await running).vectors).toHaveLength(1);
  await unloaded;
  expect(states).toEqual([
    ...(["loading", "ready", "restarting", "ready", "unloading", "unloaded"] as const),
    ...(["loading", "ready", "unloading", "unloaded"] as const),
  ]);
});

/** The diagram's arrows. */
const NEXT: Readonly<Record<LifeState, readonly LifeState[]>> = {
  unloaded: ["loading", "stopped"],
  loading: ["ready", "failed", "unloading", "stopped"],
  ready: ["restarting", "unloaded", "unloading", "stopped"],
  restarting: ["ready", "failed", "unloading", "unloaded", "stopped"],
  failed: ["loading", "unloaded", "stopped"],
  unloading: ["unloaded", "loading", "stopped"],
  stopped: [],
};

const DEEDS = ["load", "unload", "abort", "request", "question", "loaded", "finish", "die", "wait", "beat"] as const;

test("property: whatever happens, the states follow the diagram, and no request and no timer remain", async () => {
  const deeds = fc.array(fc.constantFrom(...DEEDS), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(deeds, fc.constantFrom(undefined, 5_000), async (list, idleMs) => {
      const bench = createBench({ idleMs, maxFailedRestarts: 2 });
      let last: LifeState = bench.engine.state;
      bench.engine.onStateChange((state) => {
        expect(NEXT[last]).toContain(state);
        last = state;
      });
      const promises: Promise<unknown>[] = [];
      const keep = (promise: Promise<unknown>) => promises.push(promise.catch(() => {}));
      const act: Readonly<Record<(typeof DEEDS)[number], () => unknown>> = {
        load: () => keep(bench.engine.load()),
        unload: () => keep(bench.engine.unload()),
        abort: () => keep(bench.engine.unload({ drain: false })),
        request: () => keep(read(bench.engine.generate(saying("a"))).ended),
        question: () => keep(bench.engine.text.detokenize([1])),
        loaded: () => bench.workers.at(-1)?.load(),
        finish: () => bench.workers.length > 0 && finishAll(bench),
        die: () => bench.workers.at(-1)?.die(),
        wait: () => bench.clock.advance(61_000),
        beat: () => bench.workers.at(-1)?.say({ type: "heartbeat", decodingForMs: 0 }),
      };
      for (const deed of list) {
        act[deed]();
        await settle();
        expect(last).toBe(bench.engine.state);
        // Whatever is in hand has a process, or one is on its way.
        if (bench.engine.counts.requests > 0) expect(["unloaded", "failed"]).not.toContain(bench.engine.state);
      }
      await bench.engine.stop();
      await Promise.all(promises);
      expect(bench.clock.pending).toBe(0);
      expect(bench.engine.counts).toEqual({ requests: 0, submissions: 0 });
      for (const worker of bench.workers) expect(worker.dead).toBe(true);
    }),
    { numRuns: 300 },
  );
}, 60_000);

describe("an engine that needs room", () => {
  /** Room that a test gives. */
  function createRoom() {
    const asked: { readonly grant: () => void; readonly refuse: (error: Error) => void }[] = [];
    let left = 0;
    const room: Room = {
      take(grant, refuse) {
        asked.push({ grant, refuse });
        return () => {
          left += 1;
        };
      },
    };
    return {
      room,
      asked,
      get left() {
        return left;
      },
    };
  }

  test("starts its process only once there is room, and gives the room back when it has exited", async () => {
    const given = createRoom();
    const bench = createBench({}, silentLogger, { room: given.room });
    const reading = read(bench.engine.generate(saying("a")));
    await settle();
    expect([bench.workers.length, bench.engine.state]).toEqual([0, "loading"]);
    at(given.asked, 0).grant();
    bench.worker.load();
    finishAll(bench);
    await reading.ended;
    expect([reading.outcome, given.left]).toEqual(["done", 0]);
    await bench.engine.unload();
    expect([given.left, bench.engine.state]).toEqual([1, "unloaded"]);
  });

  test("fails what waits with the error when there is none, and asks again for the next request", async () => {
    const given = createRoom();
    const bench = createBench({}, silentLogger, { room: given.room });
    const [first, loading] = [read(bench.engine.generate(saying("a"))), bench.engine.load()];
    await settle();
    const refusal = new EngineUnavailableError("no room");
    at(given.asked, 0).refuse(refusal);
    await expect(loading).rejects.toBe(refusal);
    await first.ended;
    expect([errorOf(first), bench.engine.state]).toEqual([refusal, "unloaded"]);
    read(bench.engine.generate(saying("b")));
    await settle();
    expect(given.asked).toHaveLength(2);
    await bench.engine.stop();
    expect(given.left).toBe(1);
  });

  test("fails a request at once where it is refused at once", async () => {
    const refusal = new EngineUnavailableError("no room");
    const room: Room = {
      take(_grant, refuse) {
        refuse(refusal);
        return () => expect.fail("it had no room to give back");
      },
    };
    const bench = createBench({}, silentLogger, { room });
    const reading = read(bench.engine.generate(saying("a")));
    await reading.ended;
    expect([errorOf(reading), bench.engine.counts.requests]).toEqual([refusal, 0]);
    await expect(bench.engine.load()).rejects.toBe(refusal);
    await expect(bench.engine.text.tokenize("a", { addSpecial: false, parseSpecial: false })).rejects.toBe(refusal);
    expect(bench.workers).toHaveLength(0);
  });

  test("keeps its room over a restart, and gives it back when it is given up", async () => {
    const given = createRoom();
    const bench = createBench({ maxFailedRestarts: 1 }, silentLogger, { room: given.room });
    const loading = bench.engine.load();
    at(given.asked, 0).grant();
    bench.worker.load();
    await loading;
    bench.worker.die();
    expect([bench.engine.state, given.asked.length, given.left]).toEqual(["restarting", 1, 0]);
    bench.worker.die();
    expect([bench.engine.state, given.left]).toEqual(["failed", 1]);
    await bench.engine.stop();
  });

  test("is not tried again by itself after a failure when nobody needs to keep it", async () => {
    const bench = createBench({ maxFailedRestarts: 1 }, silentLogger, { isKept: () => false });
    const loading = bench.engine.load();
    bench.worker.load();
    await loading;
    const reading = read(bench.engine.generate(saying("a")));
    await settle();
    bench.worker.die();
    bench.worker.die();
    await reading.ended;
    bench.clock.advance(3_600_000);
    expect([bench.engine.state, bench.workers.length]).toEqual(["failed", 2]);
  });
});
