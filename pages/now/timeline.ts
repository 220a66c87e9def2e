import type { LivePoint } from "../../src/live/snapshot.ts";

/** Seconds for charts: one list for each line. */
export type Timeline = {
  readonly times: readonly number[];
  readonly tokens: readonly (number | null)[];
  readonly waiting: readonly (number | null)[];
  readonly running: readonly (number | null)[];
  /** At 50, 95 and 99 %. */
  readonly firstToken: readonly (readonly (number | null)[])[];
  readonly betweenTokens: readonly (readonly (number | null)[])[];
};

/** After so long without a second, nobody looked. */
const GAP_MS = 3_500;

/** Puts an empty moment where seconds are missing, so that lines break there. */
function withGaps(points: readonly LivePoint[]): readonly (LivePoint | { readonly at: number })[] {
  return points.flatMap((point, index) => {
    const before = points[index - 1];
    const isGap = before !== undefined && point.at - before.at > GAP_MS;
    return isGap ? [{ at: before.at + 1 }, point] : [point];
  });
}

export function timelineOf(points: readonly LivePoint[]): Timeline {
  const moments = withGaps(points);
  const line = (of: (point: LivePoint) => number | undefined) =>
    moments.map((moment) => ("waiting" in moment ? (of(moment) ?? null) : null));
  const three = (of: (point: LivePoint) => readonly number[] | null) =>
    [0, 1, 2].map((index) => line((point) => of(point)?.[index]));
  return {
    times: moments.map(({ at }) => at),
    tokens: line((point) => point.tokens_per_second),
    waiting: line((point) => point.waiting),
    running: line((point) => point.running),
    firstToken: three((point) => point.first_token_ms),
    betweenTokens: three((point) => point.between_tokens_ms),
  };
}
