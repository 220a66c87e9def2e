import { cpus } from "node:os";

/**
 * Chooses how many threads a native call gets, by what such calls took before.
 *
 * llama.cpp's threads wait for each other, spinning, some hundred times in a call. Where another program takes one of their cores,
 * each wait may last until the system switches tasks: measured on two cores beside one busy program, a decode took
 * 15–30 ms with one thread and up to 4,500 ms with two. And with small batches, fewer threads can be faster anyway. The number of threads
 * does not change the result (docs/decisions/007-exactness.md).
 */
export type ThreadTuner = {
  /**
   * How many threads the next call should have.
   *
   * @param shape calls of one shape do about the same amount of work
   * @param scales the call is so large that more threads are always faster, as long as each has a core
   */
  choose(shape: string, scales: boolean): number;
  /** Takes in how long a call took. */
  record(shape: string, threads: number, ms: number): void;
};

type ThreadTunerOptions = {
  readonly maxThreads: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
  /** How many cores this process used or could have used since the last time it was asked. */
  readonly roomCores?: () => number;
};

/** Of calls of a shape, one of so many tries another number of threads. */
const EXPLORE_EVERY = 64;
/** Fewer threads that were so much slower are tried less often. Prime to 2 and 3, so that each candidate has its turn. */
const CLEARLY_SLOWER = 1.25;
const CLEARLY_SLOWER_EVERY = 17 * EXPLORE_EVERY;
/** A call that takes so many times the usual was held up by another program. */
const HELD_UP_FACTOR = 2.5;
/** So much time lost to hold-ups is one too much; what was lost is forgiven at a tenth of the time that passes. */
const LOSS_MS = 150;
const FORGIVEN = 0.1;
/** How long fewer threads are used after that; doubled each time that it was too short. */
const RETREAT_MS = 1_000;
const MAX_RETREAT_MS = 8_000;
/** A new hold-up so soon after a retreat says that it was too short. */
const RELAPSE_MS = 10_000;
/**
 * A core counts as free though it is used this much, and as taken when it is used this much. The gateway, its clients and the
 * system take some of it at any time.
 */
const CORE_SLACK = 0.45;
const CORE_TAKEN = 0.6;
/** How often the use of the cores is looked at. */
const LOOK_MS = 1_000;
/** After such a pause between two calls, what was seen of the cores before says nothing of now. */
const PAUSE_MS = 100;
/** The weight of the newest call in the running mean, where the one before it had as many threads. */
const NEWEST_WEIGHT = 0.2;

type Estimate = {
  calls: number;
  ms: number;
  /** How many calls of its shape there had been, of any number of threads, when this was last measured. */
  at: number;
};

export function createThreadTuner(options: ThreadTunerOptions): ThreadTuner {
  const { maxThreads, now = () => performance.now(), roomCores = createRoomMeter() } = options;
  const estimates = new Map<string, Estimate>();
  const callsOf = new Map<string, number>();
  let cap = maxThreads;
  let retreatMs = RETREAT_MS;
  let retreatEndsAt = 0;
  let nextLookAt = now() + LOOK_MS;
  let lostMs = 0;
  let lostAt = now();
  let lastCallAt = now();

  function estimate(shape: string, threads: number): Estimate {
    const key = `${shape}/${threads}`;
    const known = estimates.get(key) ?? { calls: 0, ms: 0, at: 0 };
    estimates.set(key, known);
    return known;
  }

  function hasRoomFor(threads: number): boolean {
    return roomCores() >= threads - CORE_SLACK;
  }

  function retreat(threads: number): void {
    const at = now();
    retreatMs =
      at - retreatEndsAt < RELAPSE_MS && retreatEndsAt > 0 ? Math.min(retreatMs * 2, MAX_RETREAT_MS) : RETREAT_MS;
    retreatEndsAt = at + retreatMs;
    cap = Math.max(1, Math.min(threads - 1, Math.floor(roomCores() + CORE_SLACK)));
  }

  function lookAround(): void {
    const at = now();
    if (at < retreatEndsAt) return;
    const paused = at - lastCallAt > PAUSE_MS;
    if (!paused && at < nextLookAt) return;
    nextLookAt = at + LOOK_MS;
    const room = roomCores();
    if (paused) {
      // Others may have used the cores meanwhile: that took nothing from anybody.
      cap = maxThreads;
      return;
    }
    if (room < cap - CORE_TAKEN) retreat(cap);
    else if (cap < maxThreads && room >= maxThreads - CORE_SLACK) cap = maxThreads;
  }

  return {
    choose(shape, scales) {
      if (maxThreads === 1) return 1;
      lookAround();
      if (scales) return cap;
      const candidates = [...new Set([cap, Math.ceil(cap / 2), 1])];
      const untried = candidates.find((threads) => estimate(shape, threads).calls < 2);
      if (untried !== undefined) return untried;

      const best = candidates.reduce((a, b) => (estimate(shape, b).ms < estimate(shape, a).ms ? b : a));
      const calls = (callsOf.get(shape) ?? 0) + 1;
      callsOf.set(shape, calls);
      if (calls % EXPLORE_EVERY !== 0) return best;
      const others = candidates.filter((threads) => threads !== best);
      const other = others[(calls / EXPLORE_EVERY) % others.length] ?? best;
      const clearlySlower = other < best && estimate(shape, other).ms > estimate(shape, best).ms * CLEARLY_SLOWER;
      if (clearlySlower && calls % CLEARLY_SLOWER_EVERY !== 0) return best;
      return other <= best || hasRoomFor(other) ? other : best;
    },
    record(shape, threads, ms) {
      lastCallAt = now();
      const known = estimate(shape, threads);
      if (threads > 1 && known.calls >= 2 && ms > known.ms * HELD_UP_FACTOR) {
        const at = now();
        lostMs = Math.max(0, lostMs - (at - lostAt) * FORGIVEN) + ms - known.ms;
        lostAt = at;
        if (lostMs > LOSS_MS) {
          lostMs = 0;
          retreat(threads);
        }
        return;
      }
      const calls = callsOf.get(shape) ?? 0;
      if (known.calls === 0) known.ms = ms;
      else if (known.calls === 1) known.ms = Math.min(known.ms, ms);
      else known.ms += newestWeight(calls - known.at) * (ms - known.ms);
      known.calls++;
      known.at = calls;
    },
  };
}

/** What was measured long ago says little of now: a disturbance that has passed must not be believed for another minute. */
function newestWeight(callsSince: number): number {
  return 1 - (1 - NEWEST_WEIGHT) ** Math.max(1, callsSince);
}

/** Reads idle time from the system and this process's own from Node. Both are per core where the system says so. */
function createRoomMeter(): () => number {
  const read = () => {
    const own = process.cpuUsage();
    return {
      at: performance.now(),
      idleMs: cpus().reduce((sum, { times }) => sum + times.idle, 0),
      ownMs: (own.user + own.system) / 1000,
    };
  };
  let last = read();
  let room = cpus().length;
  return () => {
    const current = read();
    const elapsedMs = current.at - last.at;
    // The system counts in ticks of 10 ms: less time says nothing.
    if (elapsedMs < 200) return room;
    room = (current.idleMs - last.idleMs + current.ownMs - last.ownMs) / elapsedMs;
    last = current;
    return room;
  };
}
