import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import type { BackendState } from "../../src/generation/backend.ts";
import type { SlotView } from "../../src/generation/view.ts";
import type { LiveSources, Viewer } from "../../src/live/live.ts";
import { type LiveSnapshot, liveHistory, liveSnapshot } from "../../src/live/snapshot.ts";
import { openStateLog } from "../../src/live/state-log.ts";
import { requestOf } from "../engine/host/helpers.ts";
import { servedModel } from "../fixtures/served-model.ts";
import { createTestLive } from "./support.ts";

const SECOND = 1_000;

function createBench(overrides: Partial<LiveSources> = {}) {
  const bench = createTestLive(overrides);
  return {
    ...bench,
    look() {
      const frames: string[] = [];
      let isOver = false;
      const viewer: Viewer = {
        show: (frame) => void frames.push(frame),
        end() {
          isOver = true;
        },
      };
      const seen = bench.live.watch(viewer);
      return {
        frames,
        isOver: () => isOver,
        isRefused: seen === undefined,
        history: () => liveHistory.parse(dataOf(seen?.first ?? "", "history")),
        snapshots: (): LiveSnapshot[] => frames.map((frame) => liveSnapshot.parse(dataOf(frame, "snapshot"))),
        leave: () => seen?.leave(),
      };
    },
  };
}

function dataOf(frame: string, event: string): unknown {
  const [, name, data] = /^event: (\w+)\ndata: (.*)\n\n$/.exec(frame) ?? [];
  expect(name).toBe(event);
  return JSON.parse(data ?? "");
}

it("makes one snapshot a second for all viewers together", () => {
  const { clock, look } = createBench();
  const viewers = [look(), look(), look()];
  clock.advance(5 * SECOND);
  for (const { frames } of viewers) expect(frames).toHaveLength(5);
  const [first, ...others] = viewers.map(({ frames }) => frames);
  for (const frames of others) expect(frames.every((frame, index) => frame === first?.[index])).toBe(true);
});

it("does nothing before somebody looks, and nothing soon after the last one has left", () => {
  const { clock, look, follows } = createBench();
  clock.advance(60 * SECOND);
  expect([clock.pending, follows()]).toEqual([0, 0]);
  const [one, other] = [look(), look()];
  one.leave();
  clock.advance(60 * SECOND);
  expect([clock.pending, follows()]).toEqual([1, 1]);
  other.leave();
  clock.advance(11 * SECOND);
  expect([clock.pending, follows()]).toEqual([0, 0]);
});

it("tells a viewer first which seconds were looked at before, a quarter of an hour at most", () => {
  const { clock, look } = createBench();
  const before = look();
  clock.advance(1_000 * SECOND);
  const other = look();
  expect(other.history().points).toHaveLength(900);
  for (const each of [before, other]) each.leave();
  clock.advance(600 * SECOND);
  const { points } = look().history();
  expect(points.length).toBeLessThan(320);
  expect(points.length).toBeGreaterThan(290);
});

it("misses no second of a page that is loaded again", () => {
  const { clock, look } = createBench();
  look().leave();
  clock.advance(3 * SECOND);
  expect(look().history().points).toHaveLength(3);
});

it("refuses more viewers than it has room for, until one leaves", () => {
  const { look } = createBench();
  const viewers = Array.from({ length: 64 }, look);
  expect(viewers.some(({ isRefused }) => isRefused)).toBe(false);
  expect(look().isRefused).toBe(true);
  viewers[0]?.leave();
  expect(look().isRefused).toBe(false);
});

it("ends for all viewers when the gateway stops", () => {
  const { clock, live, look } = createBench();
  const viewer = look();
  live.close();
  expect(viewer.isOver()).toBe(true);
  expect([clock.pending, look().isRefused]).toEqual([0, true]);
});

it("shows each slot with its request, how far its prompt is, and how fast it is written", async () => {
  let generatedTokens = 0;
  const sequence = { requestId: "req_1", tenant: "t", priority: "default" as const, choice: 0, promptTokens: 10 };
  const slots = async (): Promise<SlotView[]> => {
    generatedTokens += 30;
    return [
      { index: 0, heldTokens: 7, sequence: { ...sequence, prefilledTokens: 7, cachedTokens: 2, generatedTokens } },
      { index: 1, heldTokens: 4 },
    ];
  };
  const model = servedModel({ id: "m", aliases: [], generate: async function* () {}, slots });
  const { clock, look } = createBench({ models: () => [model] });
  const viewer = look();
  for (let second = 0; second < 4; second += 1) {
    await setImmediate();
    clock.advance(SECOND);
  }
  const snapshot = viewer.snapshots().at(-1);
  expect(snapshot?.models[0]?.slots).toEqual([
    {
      ...{ index: 0, held_tokens: 7 },
      request: {
        ...{ id: "req_1", key: "name of t", class: "default", choice: 0, prompt_tokens: 10, prefilled_tokens: 7 },
        ...{ cached_tokens: 2, generated_tokens: 120, tokens_per_second: 30 },
      },
    },
    { index: 1, held_tokens: 4, request: null },
  ]);
  // Nobody looked when it began, so that only its slot tells.
  expect(snapshot?.point.tokens_per_second).toBe(30);
});

it("lists who waits under the names of their keys", () => {
  const model = servedModel({
    ...{ id: "m", aliases: [], generate: async function* () {} },
    queued: () => [
      {
        ...{ requestId: "req_1", tenant: "t", priority: "batch", state: "waiting", position: 2 },
        ...{ waitedMs: 10, promisedMs: 50, etaMs: 30 },
      },
    ],
  });
  const { clock, look } = createBench({ models: () => [model] });
  const viewer = look();
  clock.advance(SECOND);
  expect(viewer.snapshots()[0]?.queue).toEqual([
    {
      ...{ id: "req_1", key: "name of t", class: "batch", model: "m", state: "waiting" },
      ...{ position: 2, waited_ms: 10, promised_ms: 50, eta_ms: 30 },
    },
  ]);
});

it("counts requests that run, and not what the gateway evaluates for itself", async () => {
  const running = {
    ...{ requestId: "req_1", tenant: "t", priority: "default" as const, state: "running" as const, waitedMs: 10 },
  };
  const model = servedModel({
    ...{ id: "m", aliases: [], generate: async function* () {} },
    workload: () => ({ waiting: 0, running: 3, firstTokenMs: 0 }),
    slots: async () => [{ index: 0, heldTokens: 4 }],
    queued: () => [running],
  });
  const { clock, look } = createBench({ models: () => [model] });
  const viewer = look();
  await setImmediate();
  clock.advance(SECOND);
  expect(viewer.snapshots()[0]).toMatchObject({ point: { running: 1 }, models: [{ running: 3 }] });
});

it("has no text of a request or an answer in it", async () => {
  const { clock, look, watch } = createBench();
  const viewer = look();
  const answer = watch.layer(requestOf({ prompt: { type: "text", text: "the secret question" } }), async function* () {
    yield { type: "started", promptTokens: 3, cachedTokens: 0 };
    yield { type: "text", choice: 0, text: "the secret answer" };
    yield { type: "finished", choice: 0, reason: "stop", completionTokens: 1 };
  });
  for await (const _ of answer);
  clock.advance(SECOND);
  const told = [...viewer.frames, JSON.stringify(look().history())].join();
  expect(told).not.toContain("secret");
  expect(viewer.snapshots()[0]?.point).toMatchObject({ tokens_per_second: 1, prompt_tokens_per_second: 3, ended: 1 });
});

it("tells how true a model's predicted waits were", async () => {
  const { clock, look, watch } = createBench();
  const viewer = look();
  clock.advance(SECOND);
  for (const tookMs of [500, 1_000, 4_000]) {
    const answer = watch.layer(requestOf({ model: "m" }), async function* ({ observe }) {
      observe?.({ type: "waiting", position: 1, etaMs: 1_000 });
      clock.advance(tookMs);
      yield { type: "text", choice: 0, text: "a" };
    });
    for await (const _ of answer);
  }
  clock.advance(SECOND);
  const ratios = viewer.snapshots().map(({ models }) => models[0]?.wait_ratio);
  expect([ratios[0], ratios.at(-1)]).toEqual([null, [0.5, 1, 4]]);
});

it("tells of loads and restarts from the gateway's start on, and of each once", () => {
  const listeners = new Set<(state: BackendState) => void>();
  const model = servedModel({
    ...{ id: "m", aliases: [], generate: async function* () {} },
    onStateChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  });
  const become = (state: BackendState) => {
    for (const listener of listeners) listener(state);
  };
  const states = openStateLog({ list: () => [model], onChange: () => () => {} }, () => 7);
  become("restarting");
  const { clock, look } = createBench({ states });
  const viewer = look();
  expect(viewer.history().events).toEqual([{ at: 7, model: "m", state: "restarting" }]);
  become("ready");
  clock.advance(2 * SECOND);
  expect(viewer.snapshots().map(({ events }) => events.map(({ state }) => state))).toEqual([["ready"], []]);
  for (let time = 0; time < 1_000; time += 1) become("ready");
  expect(states.since(0).events).toHaveLength(256);
  states.close();
  expect(listeners.size).toBe(0);
});
