import { cpus } from "node:os";

/**
 * Chooses the number of threads of a native call from the times of earlier calls.
 *
 * llama.cpp's threads wait for each other in spin loops, some hundred times per call. If another program takes one of their cores, each wait
 * may last until the system switches tasks. Measured on two cores beside one busy program: a decode took 15–30 ms with one thread, and up to
 * 4,500 ms with two. For small batches, fewer threads can be faster anyway. The number of threads doesn't change the result
 * (docs/decisions/007-exactness.md).
 */
export type ThreadTuner = {
  /**
   * How many threads the next call should have.
   *
   * @param shape calls of the same shape do about the same amount of work
   * @param scales whether more threads are always faster, as long as each has a core
   */
  choose(shape: string, scales: boolean): number;
  record(shape: string, threads: number, ms: number): void;
};

type ThreadTunerOptions = {
  readonly maxThreads: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
  /** How many cores this process used or could have used since the last call. */
  readonly roomCores?: () => number;
};

/** One in this many calls of a shape tries another number of threads. */
const EXPLORE_EVERY = 64;
/** Fewer threads are tried less often if they were slower by this factor. 17 is coprime to 2 and 3, so that every candidate is tried. */
const CLEARLY_SLOWER = 1.25;
const CLEARLY_SLOWER_EVERY = 17 * EXPLORE_EVERY;
/** A call that takes this many times the usual time was delayed by another program. */
const HELD_UP_FACTOR = 2.5;
/** After this much time lost to delays, fewer threads are used. The lost time decays by a tenth of the time that passes. */
const LOSS_MS = 150;
const FORGIVEN = 0.1;
/** How long fewer threads are used then; doubled if it was too short. */
const RETREAT_MS = 1_000;
const MAX_RETREAT_MS = 8_000;
/** A new delay within this time after a retreat shows that the retreat was too short. */
const RELAPSE_MS = 10_000;
/** Up to which use a core counts as free, and from which use as taken. The gateway, its clients and the system always use some of it. */
const CORE_SLACK = 0.45;
const CORE_TAKEN = 0.6;
/** How often the use of the cores is measured. */
const LOOK_MS = 1_000;
/** After a pause this long between two calls, earlier measurements of the cores are ignored. */
const PAUSE_MS = 100;
/** The weight of the newest call in the running mean, if the previous call had the same number of threads. */
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
      // Other programs may have used the cores during the pause, which did no harm.
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

/** The older the last measurement, the more weight the new one gets, so that a past disturbance is soon forgotten. */
function newestWeight(callsSince: number): number {
  return 1 - (1 - NEWEST_WEIGHT) ** Math.max(1, callsSince);
}

/** Measures free cores from the system's idle time and this process's CPU time. */
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
    // The system counts in ticks of 10 ms, so a shorter time would be inaccurate.
    if (elapsedMs < 200) return room;
    room = (current.idleMs - last.idleMs + current.ownMs - last.ownMs) / elapsedMs;
    last = current;
    return room;
  };
}
