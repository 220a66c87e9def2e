import { expect, test } from "vitest";
import { othersShare } from "../../../bench/peers/processor.ts";

test("others' share is what the processors did beyond the benchmark's own, of all they could", () => {
  const before = { atMs: 0, busyMs: 5000, ownMs: 1000 };
  const after = { atMs: 1000, busyMs: 6500, ownMs: 2000 };
  expect(othersShare(before, after, 2)).toBe(0.25);
});

test("counts that are off by a tick make no share below nothing or above all", () => {
  const before = { atMs: 0, busyMs: 0, ownMs: 0 };
  expect(othersShare(before, { atMs: 1000, busyMs: 990, ownMs: 1000 }, 2)).toBe(0);
  expect(othersShare(before, { atMs: 1000, busyMs: 2100, ownMs: 0 }, 2)).toBe(1);
});

test("where the system doesn't tell what is the benchmark's own, nothing is said", () => {
  const sample = { atMs: 0, busyMs: 0, ownMs: undefined };
  expect(othersShare(sample, sample, 2)).toBeUndefined();
});
