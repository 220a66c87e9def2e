import { expect, test } from "vitest";
import { createTokenBucket } from "../../../src/engine/host/text-queries.ts";
import { createFakeClock } from "./fake-clock.ts";

test("a token bucket refills with time, up to its capacity", () => {
  const clock = createFakeClock();
  const bucket = createTokenBucket({ clock, perSecond: 100, capacity: 250 });
  expect(bucket.take(251)).toBe(false);
  expect(bucket.take(200)).toBe(true);
  expect(bucket.take(60)).toBe(false);
  clock.advance(500);
  expect(bucket.take(100)).toBe(true);
  expect(bucket.take(1)).toBe(false);
  clock.advance(60_000);
  expect(bucket.take(251)).toBe(false);
  expect(bucket.take(250)).toBe(true);
});
