import { expect, it } from "vitest";
import { newProgress } from "../../src/batch/progress.ts";
import { listLiveBatches, listSharedBatches } from "../../src/gateway/live-batches.ts";
import { liveSnapshot } from "../../src/live/snapshot.ts";
import type { BatchRecord } from "../../src/store/batches.ts";
import { openState } from "../store/support.ts";

const nameOf = (keyId: string) => `name of ${keyId}`;
const knowsNothing = { live: () => undefined };
const shape = liveSnapshot.shape.batches;

function recordOf(at: number, more: Partial<BatchRecord> = {}): BatchRecord {
  return {
    ...{ id: `batch_${at}`, kind: "openai", keyId: null, createdMs: at, endsMs: at + 1_000, status: "validating" },
    ...{ endpoint: "/v1/chat/completions", inputFile: "file-1", outputFile: `file-o${at}`, errorFile: `file-e${at}` },
    body: JSON.stringify({ completion_window: "24h", metadata: { secret: "a prompt" } }),
    ...{ progress: null, ...more },
  };
}

it("tells of batches of all keys that have not ended, by the keys' names, and how far each is", () => {
  const state = openState();
  const progress = JSON.stringify({
    ...newProgress(10),
    counts: { completed: 4, failed: 1, expired: 1, cancelled: 0 },
  });
  state.batches.add(recordOf(1));
  state.batches.add(recordOf(2, { status: "completed" }));
  const body = JSON.stringify({ completion_window: "24h", metadata: null, model: "m" });
  state.of("key_1").batches.add(recordOf(3, { keyId: "key_1", status: "in_progress", body, progress }));
  // Anthropic's say nothing beside.
  state.of("key_1").batches.add(recordOf(4, { keyId: "key_1", kind: "anthropic", body: "{}" }));
  const live = (id: string) =>
    id === "batch_3" ? { perSecond: 0.5, secondsLeft: 7.2, pausedFor: "The disk is full." } : undefined;
  const told = listLiveBatches(state, { live }, nameOf);
  expect(shape.parse(told)).toEqual(told);
  expect(told.map(({ id, key, model }) => [id, key, model])).toEqual([
    ["batch_1", "local", null],
    ["batch_3", "name of key_1", "m"],
    ["batch_4", "name of key_1", null],
  ]);
  expect(told[1]).toMatchObject({
    request_counts: { total: 10, completed: 4, failed: 2 },
    ...{ requests_per_second: 0.5, eta_seconds: 8, paused: "The disk is full." },
  });
  expect(JSON.stringify(told)).not.toContain("a prompt");
});

it("tells of 64 at most, and of none where the state can't be read or is not there", () => {
  const state = openState();
  for (let at = 0; at < 70; at += 1) state.batches.add(recordOf(at));
  expect(listLiveBatches(state, knowsNothing, nameOf)).toHaveLength(64);
  const broken = {
    ...state.batchQueue,
    unfinished() {
      throw new Error("the disk is gone");
    },
  };
  expect(listLiveBatches({ exists: () => true, batchQueue: broken }, knowsNothing, nameOf)).toEqual([]);
  expect(listLiveBatches({ exists: () => false, batchQueue: broken }, knowsNothing, nameOf)).toEqual([]);
});

it("tells of those that gateways share what all of them know", () => {
  const live = { perSecond: 2, secondsLeft: 3, pausedFor: undefined };
  const known = [recordOf(1, { live, keyId: "key_1" }), ...Array.from({ length: 70 }, (_, at) => recordOf(at + 2))];
  const told = listSharedBatches(known, knowsNothing, nameOf);
  expect(shape.parse(told)).toEqual(told);
  expect(told).toHaveLength(64);
  expect(told[0]).toMatchObject({ key: "name of key_1", requests_per_second: 2, eta_seconds: 3 });
});
