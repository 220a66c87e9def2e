import { expect, test } from "vitest";
import { createBackoff } from "../../../src/engine/host/backoff.ts";
import { DEFAULT_POLICY } from "../../../src/engine/host/policy.ts";
import { createFakeClock } from "../../fake-clock.ts";

test("the first restart is made at once, the next ones after a pause that doubles up to 30 s", () => {
  const backoff = createBackoff(createFakeClock(), DEFAULT_POLICY);
  const delays = Array.from({ length: 10 }, () => backoff.restart());
  expect(delays).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test("a failed engine is tried again after a minute, then after a pause that doubles up to ten minutes", () => {
  const backoff = createBackoff(createFakeClock(), DEFAULT_POLICY);
  const delays = Array.from({ length: 6 }, () => backoff.failed());
  expect(delays).toEqual([60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
});
