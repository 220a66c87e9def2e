import { expect, test } from "vitest";
import { restartDelayMs } from "../../../src/engine/host/backoff.ts";
import { DEFAULT_POLICY } from "../../../src/engine/host/policy.ts";

test("the first restart is made at once, the next ones after a pause that doubles up to 30 s", () => {
  const delays = Array.from({ length: 10 }, (_, restarts) => restartDelayMs(restarts, DEFAULT_POLICY));
  expect(delays).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});
