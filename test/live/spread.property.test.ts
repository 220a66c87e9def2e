import fc from "fast-check";
import { expect, it } from "vitest";
import { createSpread } from "../../src/live/spread.ts";

const duration = fc.double({ min: 0.2, max: 900_000, noNaN: true });
const SHARES = [0.5, 0.95, 0.99];

function exactly(durations: readonly number[], share: number): number {
  const sorted = durations.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

it("tells each quantile to within 4 %", () => {
  fc.assert(
    fc.property(fc.array(duration, { minLength: 1, maxLength: 200 }), (durations) => {
      const spread = createSpread(15);
      for (const ms of durations) spread.add(ms);
      const told = spread.quantiles(SHARES) ?? [];
      for (const [index, share] of SHARES.entries()) {
        const real = exactly(durations, share);
        expect(Math.abs((told[index] ?? Number.NaN) - real) / real).toBeLessThan(0.0401);
      }
    }),
  );
});

it("knows only the last seconds", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(duration, { maxLength: 5 }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 6 }),
      (seconds, kept) => {
        const spread = createSpread(kept);
        const fresh = createSpread(kept);
        for (const [index, durations] of seconds.entries()) {
          if (index > 0) spread.step();
          for (const ms of durations) spread.add(ms);
          if (index >= seconds.length - kept) for (const ms of durations) fresh.add(ms);
        }
        expect(spread.quantiles(SHARES)).toEqual(fresh.quantiles(SHARES));
      },
    ),
  );
});

it("tells nothing where nothing was", () => {
  expect(createSpread(3).quantiles(SHARES)).toBeUndefined();
});
