/** Measures native calls that run one after another on one thread. */
export type DrawClock = {
  /** Must be called when a call that isn't measured has ended. */
  readonly mark: () => void;
  /** Runs a call and returns its time in ms, without the wait for earlier calls and without time in which the process had no core. */
  readonly measure: <T>(call: () => Promise<T>) => Promise<{ readonly value: T; readonly ms: number }>;
};

type TimeSource = {
  /** In ms. */
  readonly now: () => number;
  /** The CPU time of this process's threads, in ms. */
  readonly cpu: () => number;
};

const OWN: TimeSource = {
  now: () => performance.now(),
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

export function createDrawClock({ now, cpu }: TimeSource = OWN): DrawClock {
  let last = { at: now(), cpu: cpu() };
  const mark = () => {
    last = { at: now(), cpu: cpu() };
  };
  return {
    mark,
    async measure(call) {
      const asked = { at: now(), cpu: cpu() };
      const value = await call();
      const begun = last.at > asked.at ? last : asked;
      mark();
      return { value, ms: Math.min(last.at - begun.at, last.cpu - begun.cpu) };
    },
  };
}

/** How long a single sample may take, in ms. Other sequences get no token meanwhile. */
const MAX_DRAW_MS = 2_000;
/** The time of a sample that isn't blamed on the grammar, in ms. */
const USUAL_MS = 250;
/** How long all samples together may take beyond that. */
const MAX_EXCESS_MS = 10_000;

/** `spend` returns why the grammar takes too long; undefined if it doesn't. */
type DrawBudget = { readonly spend: (ms: number) => string | undefined };

export function createDrawBudget(): DrawBudget {
  let excess = 0;
  return {
    spend(ms) {
      excess += Math.max(0, ms - USUAL_MS);
      if (ms <= MAX_DRAW_MS && excess <= MAX_EXCESS_MS) return undefined;
      return (
        `The grammar took ${Math.round(ms)} ms for one token, in which others had none. ` +
        "Leave out alternatives and repetitions that match the same, or use fewer optional properties."
      );
    },
  };
}
