import { expect, it } from "vitest";
import { createEngine } from "../../../src/engine/host/engine.ts";
import { FakeWorker } from "./fake-worker.ts";
import { OPTIONS, read, requestOf, settle, silentLogger } from "./helpers.ts";

async function createBench() {
  const worker = new FakeWorker();
  const workers = [worker];
  const engine = createEngine({
    ...{ options: OPTIONS, logger: silentLogger },
    spawn: () => workers.shift() ?? new FakeWorker(),
  });
  const looks = () => worker.sent.filter(({ type }) => type === "look").length;
  return {
    ...{ worker, engine, looks },
    async load() {
      const started = engine.start();
      worker.load();
      await started;
    },
  };
}

it("shows whose sequence each slot has", async () => {
  const { worker, engine, load } = await createBench();
  await load();
  const terms = { tenant: "key_1", priority: "interactive" } as const;
  read(engine.generate(requestOf({ id: "req_7", terms })));
  await settle();
  const id = worker.submitted[0]?.id ?? Number.NaN;
  const asked = engine.slots();
  worker.say({
    type: "slots",
    slots: [
      { heldTokens: 30, sequence: { id, promptTokens: 40, cachedTokens: 8, generatedTokens: 0 } },
      { heldTokens: 12 },
      // It has left meanwhile.
      { heldTokens: 5, sequence: { id: 999, promptTokens: 1, cachedTokens: 0, generatedTokens: 4 } },
    ],
  });
  expect(await asked).toEqual([
    {
      ...{ index: 0, heldTokens: 30 },
      sequence: {
        ...{ requestId: "req_7", tenant: "key_1", priority: "interactive", choice: 0 },
        ...{ promptTokens: 40, prefilledTokens: 30, cachedTokens: 8, generatedTokens: 0 },
      },
    },
    { index: 1, heldTokens: 12 },
    { index: 2, heldTokens: 5 },
  ]);
  await engine.stop();
});

it("asks the worker once, however many want to know", async () => {
  const { worker, engine, load, looks } = await createBench();
  await load();
  const asked = [engine.slots(), engine.slots(), engine.slots()];
  expect(looks()).toBe(1);
  worker.say({ type: "slots", slots: [{ heldTokens: 1 }] });
  for (const each of asked) expect(await each).toEqual([{ index: 0, heldTokens: 1 }]);
  void engine.slots();
  expect(looks()).toBe(2);
  await engine.stop();
});

it("loads no model for it, and answers without a worker", async () => {
  const { engine, worker } = await createBench();
  expect(await engine.slots()).toEqual([]);
  expect(worker.sent).toEqual([]);
});

it("answers when the worker dies meanwhile", async () => {
  const { worker, engine, load } = await createBench();
  await load();
  const asked = engine.slots();
  worker.die();
  expect(await asked).toEqual([]);
  await engine.stop();
});
