import type { UsageRow } from "./keys.ts";

/** What was used together. */
export type Sum = {
  readonly requests: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly failed: number;
  readonly cost: number;
};

const NOTHING: Sum = { requests: 0, promptTokens: 0, cachedTokens: 0, completionTokens: 0, failed: 0, cost: 0 };

export function sumOf(rows: readonly UsageRow[]): Sum {
  return rows.reduce(
    (sum, row) => ({
      requests: sum.requests + row.requests,
      promptTokens: sum.promptTokens + row.prompt_tokens,
      cachedTokens: sum.cachedTokens + row.cached_tokens,
      completionTokens: sum.completionTokens + row.completion_tokens,
      failed: sum.failed + row.errors + row.refusals,
      cost: sum.cost + row.cost,
    }),
    NOTHING,
  );
}

/** Sums by what `of` says of a row, in the order in which that first comes. */
export function sumBy(rows: readonly UsageRow[], of: (row: UsageRow) => string): ReadonlyMap<string, Sum> {
  const groups = Map.groupBy(rows, of);
  return new Map(Array.from(groups, ([name, group]) => [name, sumOf(group)]));
}

/** The last `count` days up to `today`, oldest first, as `2026-11-29`. */
export function lastDays(today: Date, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const day = new Date(today);
    day.setUTCDate(day.getUTCDate() - (count - 1 - index));
    return day.toISOString().slice(0, 10);
  });
}
