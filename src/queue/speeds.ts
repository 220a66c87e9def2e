import { createMean, createRatio, type Mean } from "./mean.ts";

/** The measured speed of this model on this machine. */
export type Speeds = {
  /** The time per evaluated prompt token, under the usual load. */
  readonly prefillMsPerToken: number;
  /** The time between two texts of a sequence while `sequences` run. */
  itlMs(sequences: number): number;
  /** The same; undefined if it wasn't measured for exactly this number. */
  measuredItlMs(sequences: number): number | undefined;
  /** Whether prompts were measured, so that predictions aren't guesses. */
  readonly isKnown: boolean;
  notePrefill(tokens: number, ms: number): void;
  noteItl(sequences: number, ms: number): void;
};

/** Assumed until there are measurements: a small model on two cores. */
const PREFILL_MS_PER_TOKEN = 4;
const ITL_MS = 25;

/** Small, since there are many more times between tokens than other measurements. */
const ITL_WEIGHT = 0.02;
/** A value counts at most as this many times the mean, so that one pause of the machine doesn't become its speed. */
const OUTLIER = 8;

export function createSpeeds(): Speeds {
  const prefill = createRatio();
  /** Indexed by the number of sequences that run. */
  const itl: Mean[] = [];

  /** The measurement for the load nearest to `sequences`, the lower of two. An upstream may be allowed thousands of sequences, and run few. */
  function nearest(sequences: number): number | undefined {
    for (let lower = Math.min(sequences, itl.length - 1), higher = sequences; ; lower--, higher++) {
      if (lower < 0 && higher >= itl.length) return undefined;
      const ms = itl[lower]?.value ?? itl[higher]?.value;
      if (ms !== undefined) return ms;
    }
  }

  return {
    get prefillMsPerToken() {
      return prefill.value ?? PREFILL_MS_PER_TOKEN;
    },
    get isKnown() {
      return prefill.value !== undefined;
    },
    measuredItlMs: (sequences) => itl[sequences]?.value,
    itlMs: (sequences) => nearest(sequences) ?? ITL_MS,
    notePrefill(tokens, ms) {
      if (tokens < 1 || ms < 0) return;
      const most = prefill.value === undefined ? ms : tokens * prefill.value * OUTLIER;
      prefill.add(Math.min(ms, most), tokens);
    },
    noteItl(sequences, ms) {
      while (itl.length <= sequences) itl.push(createMean(ITL_WEIGHT));
      const mean = itl[sequences];
      mean?.add(Math.min(ms, (mean.value ?? ms) * OUTLIER));
    },
  };
}
