import { expect, it } from "vitest";
import type { UsageRow } from "../../pages/keys/keys.ts";
import { formatCost } from "../../pages/keys/money.ts";
import { lastDays, sumBy, sumOf } from "../../pages/keys/sums.ts";

function row(day: string, name: string, cost: number): UsageRow {
  return {
    ...{ day, key_id: `key_${name}`, key_name: name, model: "m", requests: 2, prompt_tokens: 10, cached_tokens: 4 },
    ...{ completion_tokens: 5, errors: 1, refusals: 1, cost, energy_joules: 0 },
  };
}

const ROWS = [row("2026-11-28", "a", 1), row("2026-11-29", "b", 2), row("2026-11-29", "a", 4)];

it("sums what was used, by day and by key", () => {
  expect(sumOf(ROWS)).toEqual({
    ...{ requests: 6, promptTokens: 30, cachedTokens: 12, completionTokens: 15, failed: 6, cost: 7 },
  });
  expect(
    Array.from(
      sumBy(ROWS, ({ day }) => day),
      ([day, { cost }]) => [day, cost],
    ),
  ).toEqual([
    ["2026-11-28", 1],
    ["2026-11-29", 6],
  ]);
  expect(sumOf([]).cost).toBe(0);
});

it("counts days by UTC, over the ends of months", () => {
  expect(lastDays(new Date("2026-03-01T00:30:00Z"), 3)).toEqual(["2026-02-27", "2026-02-28", "2026-03-01"]);
});

it.each([
  [0, "$0"],
  [0.00123, "$0.0012"],
  [12.345, "$12.35"],
])("writes %s dollars as %s", (dollars, text) => {
  expect(formatCost(dollars)).toBe(text);
});
