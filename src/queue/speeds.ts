import { createMean, createRatio, type Mean } from "./mean.ts";

/** How fast this machine runs this model, learnt from what it does. */
export type Speeds = {
  /** For each token of a prompt that has to be evaluated, under the load that is usual. */
  readonly prefillMsPerToken: number;
  /** Between two tokens of a sequence while `sequences` run. */
  itlMs(sequences: number): number;
  /** The same, where it was measured. */
  measuredItlMs(sequences: number): number | undefined;
  /** Whether prompts were measured, so that predictions rest on more than a guess. */
  readonly isKnown: boolean;
  notePrefill(tokens: number, ms: number): void;
  noteItl(sequences: number, ms: number): void;
};

/** Taken until something was measured: a small model on two cores. */
const PREFILL_MS_PER_TOKEN = 4;
const ITL_MS = 25;

/** Of times between tokens many more come than of anything else. */
const ITL_WEIGHT = 0.02;
/** One pause of the machine must not become its speed: a value counts as this many times the mean at most. */
const OUTLIER = 8;

export function createSpeeds(): Speeds {
  const prefill = createRatio();
  /** By the number of sequences that run. */
  const itl: Mean[] = [];

  /** What was measured under the load that is nearest to `sequences`. */
  function nearest(sequences: number): number | undefined {
    for (let distance = 0; distance < Math.max(itl.length, sequences + 1); distance++) {
      for (const load of [sequences - distance, sequences + distance]) {
        const ms = itl[load]?.value;
        if (ms !== undefined) return ms;
      }
    }
    return undefined;
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
