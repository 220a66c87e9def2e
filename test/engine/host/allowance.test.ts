import { expect, test } from "vitest";
import { createAllowance } from "../../../src/engine/host/allowance.ts";
import { createFakeClock } from "./fake-clock.ts";

test("what may be spent comes back with time, and never grows beyond its most", () => {
  const clock = createFakeClock();
  const allowance = createAllowance({ clock, perSecond: 100, most: 250 });
  expect(allowance.spend(251)).toBe(false);
  expect(allowance.spend(200)).toBe(true);
  expect(allowance.spend(60)).toBe(false);
  clock.advance(500);
  expect(allowance.spend(100)).toBe(true);
  expect(allowance.spend(1)).toBe(false);
  clock.advance(60_000);
  expect(allowance.spend(251)).toBe(false);
  expect(allowance.spend(250)).toBe(true);
});
