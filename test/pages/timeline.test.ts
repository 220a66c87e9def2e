import { expect, it } from "vitest";
import { timelineOf } from "../../pages/now/timeline.ts";
import { type LiveView, withHistory, withSnapshot, withState } from "../../pages/now/view.ts";
import type { LiveEvent, LivePoint, LiveSnapshot } from "../../src/live/snapshot.ts";

function point(at: number): LivePoint {
  return {
    ...{ at, tokens_per_second: at / 1_000, prompt_tokens_per_second: 0, first_token_ms: [1, 2, 3] },
    ...{ between_tokens_ms: null, waiting: 0, running: 1, ended: 0, failed: 0 },
  };
}

function snapshot(at: number, events: LiveEvent[] = []): LiveSnapshot {
  return {
    ...{
      object: "live.snapshot",
      version: "1",
      started_at: 0,
      point: point(at),
      models: [],
      queue: [],
      batches: [],
      routes: [],
    },
    ...{ cache: null, memory: { process_bytes: 0, models_bytes: 0, budget_bytes: null }, events },
  };
}

const EMPTY: LiveView = { state: { type: "connecting" }, snapshot: undefined, isOld: false, points: [], events: [] };

it("breaks lines where nobody looked", () => {
  const { times, tokens, firstToken, betweenTokens } = timelineOf([point(1_000), point(2_000), point(60_000)]);
  expect(times).toEqual([1_000, 2_000, 2_001, 60_000]);
  expect(tokens).toEqual([1, 2, null, 60]);
  expect(firstToken.map((line) => line[0])).toEqual([1, 2, 3]);
  expect(betweenTokens.every((line) => line.every((value) => value === null))).toBe(true);
});

it("keeps a quarter of an hour, however long the page is open", () => {
  let view = withHistory(EMPTY, { object: "live.history", points: [point(1_000)], events: [] });
  for (let second = 2; second < 2_000; second += 1) view = withSnapshot(view, snapshot(second * 1_000));
  expect(view.points).toHaveLength(900);
  expect(view.points.at(-1)?.at).toBe(1_999_000);
});

it("takes each second and each event once, although a new connection tells some again", () => {
  const event: LiveEvent = { at: 5, model: "m", state: "ready" };
  let view = withSnapshot(EMPTY, snapshot(1_000, [event]));
  view = withSnapshot(view, snapshot(1_000, [event]));
  expect([view.points.length, view.events]).toEqual([1, [event]]);
});

it("is old from the end of a connection until the next one's first snapshot", () => {
  const ofFirst = withSnapshot(withState(EMPTY, { type: "live" }), snapshot(1_000));
  const again = withState(withState(ofFirst, { type: "connecting" }), { type: "live" });
  const told = withHistory(again, { object: "live.history", points: [], events: [] });
  expect([ofFirst, again, told, withSnapshot(told, snapshot(2_000))].map(({ isOld }) => isOld)).toEqual([
    ...[false, true, true, false],
  ]);
});
