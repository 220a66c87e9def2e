/** How fast requests leave. */
export type Drain = {
  /** A request left. */
  note(nowMs: number): void;
  /** Nothing is left: what comes after is no measure of how fast things go under load. */
  pause(): void;
  /** The mean time between two departures lately; undefined where too few were seen since the last pause. */
  intervalMs(nowMs: number): number | undefined;
};

const DEPARTURES = 32;
const FEWEST = 4;

export function createDrain(): Drain {
  /** The latest, oldest first. */
  const departuresMs: number[] = [];
  return {
    note(nowMs) {
      departuresMs.push(nowMs);
      if (departuresMs.length > DEPARTURES) departuresMs.shift();
    },
    pause() {
      departuresMs.length = 0;
    },
    intervalMs(nowMs) {
      const [first] = departuresMs;
      const last = departuresMs.at(-1);
      if (departuresMs.length < FEWEST || first === undefined || last === undefined) return undefined;
      const mean = (last - first) / (departuresMs.length - 1);
      // Where it has come to a halt, that counts too.
      return Math.max(mean, (nowMs - first) / departuresMs.length);
    },
  };
}
