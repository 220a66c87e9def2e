import type { Workload } from "../generation/backend.ts";

/** A new measurement counts for so much of the mean. */
const WEIGHT = 0.2;

/** How fast a model of an upstream answers, as seen from here. */
export type Pace = {
  /** A request is sent. Returns what notes its first token and its end. */
  readonly begin: () => { readonly first: () => void; readonly end: () => void };
  /** When the first token of a request that came now is likely to come, in ms; undefined until one has come. */
  readonly firstTokenMs: (queue: Pick<Workload, "waiting" | "running">) => number | undefined;
};

/**
 * Means of the time to the first token and of the time to the end. A request that must wait has its turn when those before it have ended, of
 * which `slots` run at once.
 */
export function createPace(slots: number, now: () => number): Pace {
  let firstMs: number | undefined;
  let wholeMs: number | undefined;

  return {
    begin() {
      const startedMs = now();
      let hasBegun = false;
      return {
        first() {
          hasBegun = true;
          firstMs = mean(firstMs, now() - startedMs);
        },
        end() {
          if (hasBegun) wholeMs = mean(wholeMs, now() - startedMs);
        },
      };
    },
    firstTokenMs({ waiting, running }) {
      if (firstMs === undefined || (waiting === 0 && running < slots)) return firstMs;
      return firstMs + ((waiting + 1) * (wholeMs ?? firstMs)) / slots;
    },
  };
}

function mean(before: number | undefined, value: number): number {
  return before === undefined ? value : before + WEIGHT * (value - before);
}
