import {
  type Counter,
  countValue,
  createCounter,
  STEP_SECONDS,
  STEP_SEQUENCES,
  type StepCounts,
} from "../../generation/step-counts.ts";
import { isAwaited } from "./rest.ts";
import type { Sequence } from "./sequence.ts";

/** Counts steps: a few numbers for each, and one for each sequence in it. Times are by `performance.now()`. */
export type StepMeter = {
  /** A decoding step of these sequences has ended. */
  readonly decoded: (sequences: readonly Sequence[], startedMs: number, endedMs: number) => void;
  /** A piece of a prompt was evaluated. */
  readonly prefilled: (ms: number) => void;
  /** A prompt's first tokens were found. */
  readonly reused: (tokens: number, from: "slot" | "file") => void;
  /** What was counted since the last time; undefined if that is nothing. */
  readonly take: () => StepCounts | undefined;
};

/** How far a sequence was at the last step. */
type Seen = { tokens: number; atMs: number };

export function createStepMeter(): StepMeter {
  const seen = new WeakMap<Sequence, Seen>();
  let counters = createCounters();
  let isEmpty = true;

  /** A step with a draft brings several tokens, which share its time. */
  function countTokens(sequence: Sequence, endedMs: number): void {
    const before = seen.get(sequence);
    // The first token of a sequence came with the end of its prompt.
    const sinceMs = before?.atMs ?? sequence.prefilledAt ?? endedMs;
    const { length } = sequence.output;
    const tokens = before === undefined ? 1 : length - before.tokens;
    if (before === undefined) seen.set(sequence, { tokens: length, atMs: endedMs });
    else {
      before.tokens = length;
      before.atMs = endedMs;
    }
    if (tokens > 0) countValue(counters.betweenTokens, STEP_SECONDS, (endedMs - sinceMs) / 1_000 / tokens, tokens);
  }

  return {
    decoded(sequences, startedMs, endedMs) {
      isEmpty = false;
      countValue(counters.decodes, STEP_SECONDS, (endedMs - startedMs) / 1_000);
      countValue(counters.sequences, STEP_SEQUENCES, sequences.length);
      // Those of class batch rest between two tokens while others are there, which says nothing of how long a client waits.
      for (const sequence of sequences) if (isAwaited(sequence)) countTokens(sequence, endedMs);
    },
    prefilled(ms) {
      isEmpty = false;
      countValue(counters.prefills, STEP_SECONDS, ms / 1_000);
    },
    reused(tokens, from) {
      isEmpty = false;
      counters.reused[from] += tokens;
    },
    take() {
      if (isEmpty) return undefined;
      const { betweenTokens, decodes, sequences, prefills, reused } = counters;
      counters = createCounters();
      isEmpty = true;
      return {
        betweenTokens: shown(betweenTokens),
        decodes: shown(decodes),
        sequences: shown(sequences),
        prefills: shown(prefills),
        reused,
      };
    },
  };
}

function createCounters() {
  return {
    betweenTokens: createCounter(STEP_SECONDS),
    decodes: createCounter(STEP_SECONDS),
    sequences: createCounter(STEP_SEQUENCES),
    prefills: createCounter(STEP_SECONDS),
    reused: { slot: 0, file: 0 },
  };
}

function shown({ counts, sum }: Counter) {
  return { counts: [...counts], sum };
}
