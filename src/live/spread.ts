/** How durations are spread, over the last seconds. Each takes the same time and no memory, however many there are. */
export type Spread = {
  /** @param ms at least 0 */
  readonly add: (ms: number) => void;
  /** The values below which these shares of the durations are, to within 4 %; undefined without durations. */
  readonly quantiles: (shares: readonly number[]) => readonly number[] | undefined;
  /** A second is over: the oldest one is forgotten. */
  readonly step: () => void;
};

/** Each class of durations is so much wider than the one before. */
const GROWTH = Math.log(1.08);
const LEAST_MS = 0.1;
/** From a tenth of a millisecond to about a quarter of an hour. */
const CLASSES = 210;

/** @param seconds how far it looks back */
export function createSpread(seconds: number): Spread {
  const windows = Array.from({ length: seconds }, () => new Uint32Array(CLASSES));
  /** The sum of all windows. */
  const all = new Uint32Array(CLASSES);
  let count = 0;
  let now = 0;

  return {
    add(ms) {
      const at = ms <= LEAST_MS ? 0 : Math.min(CLASSES - 1, Math.round(Math.log(ms / LEAST_MS) / GROWTH));
      const window = windows[now];
      if (window !== undefined) window[at] = (window[at] ?? 0) + 1;
      all[at] = (all[at] ?? 0) + 1;
      count += 1;
    },
    quantiles(shares) {
      if (count === 0) return undefined;
      return shares.map((share) => {
        const rank = share * count;
        let passed = 0;
        let at = 0;
        for (; at < CLASSES - 1; at += 1) {
          passed += all[at] ?? 0;
          if (passed >= rank && passed > 0) break;
        }
        return LEAST_MS * Math.exp(GROWTH * at);
      });
    },
    step() {
      now = (now + 1) % seconds;
      const oldest = windows[now];
      if (oldest === undefined) return;
      for (const [at, number] of oldest.entries()) {
        all[at] = (all[at] ?? 0) - number;
        count -= number;
      }
      oldest.fill(0);
    },
  };
}
