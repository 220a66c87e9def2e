/** The time that native calls take which run one after another on one thread. */
export type DrawClock = {
  /** To be called when a call that isn't measured has ended. */
  readonly mark: () => void;
  /** Runs a call, and gives what it took in ms: neither the wait for those before it, nor the time in which this process had no core. */
  readonly measure: <T>(call: () => Promise<T>) => Promise<{ readonly value: T; readonly ms: number }>;
};

/** What a clock is read from. */
type TimeSource = {
  /** In ms. */
  readonly now: () => number;
  /** What this process's threads have used of processors, in ms. */
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

/** Longer no single draw may take, in ms. Others have no token meanwhile. */
const MAX_DRAW_MS = 2_000;
/** What is no fault of a grammar's. */
const USUAL_MS = 250;
/** How long all draws together may take beyond that. */
const MAX_EXCESS_MS = 10_000;

/** Why a grammar takes too long, once it does; undefined until then. */
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
