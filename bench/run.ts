import { cpus } from "node:os";
import type { Measurement } from "./figures.ts";
import { othersShare, sampleProcessor } from "./peers/processor.ts";
import type {
  Bench,
  Contestant,
  ContestantName,
  DetailTable,
  Entry,
  RoundResult,
  Trace,
  Workload,
} from "./workloads/workload.ts";

export type ContestantResult = {
  readonly name: ContestantName;
  readonly rounds: readonly Measurement[];
  /** Figures of the whole run, such as memory. */
  readonly closing: Measurement;
  /** Of the last round. */
  readonly trace?: Trace;
  /** Of the last round. */
  readonly details?: DetailTable;
};

export type WorkloadResult = {
  readonly name: string;
  readonly title: string;
  readonly notes: readonly string[];
  /** Sluice first. All have the same number of rounds; empty if none finished one. */
  readonly contestants: readonly ContestantResult[];
  readonly seconds: number;
  /** The share of the CPU that other processes used during each turn, including warm-ups, 0 to 1; empty if unknown. */
  readonly othersShares: readonly number[];
  /** Why it ended before all rounds; the finished rounds count. */
  readonly error?: string;
};

export type RunLimits = {
  /** 0 skips the workload. */
  readonly rounds: number;
  /** No round, except the first, starts if it would probably end after this. */
  readonly softLimitMs: number;
};

type Running = { readonly name: ContestantName; readonly contestant: Contestant; readonly results: RoundResult[] };

/**
 * Runs one workload: starts its contestants, warms them up, and runs them in turns (A B A B …), round by round. Never throws: a failure is
 * part of the result, and all contestants are stopped.
 */
export async function runWorkload(
  workload: Workload,
  bench: Bench,
  limits: RunLimits,
  say: (progress: string) => void,
): Promise<WorkloadResult> {
  const startedMs = performance.now();
  const running: Running[] = [];
  const othersShares: number[] = [];
  const failures: unknown[] = [];
  try {
    if (limits.rounds < 1) throw new Error("the time was used up before it began");
    await openAll(workload.entries(bench), running, say);
    for (const { name, contestant } of running) {
      say(`warming up ${name}`);
      await watched(() => contestant.warmUp(), othersShares);
    }
    await takeTurns(running, limits, startedMs, say, othersShares);
  } catch (failure) {
    failures.push(bench.signal.aborted ? bench.signal.reason : failure);
  }
  const contestants = await closeAll(running, failures);
  const [failure] = failures;
  return {
    name: workload.name,
    title: workload.title,
    notes: [...(workload.notes ?? []), ...(workload.needsGateways === true ? bench.gateways.absent : [])],
    contestants,
    othersShares,
    seconds: (performance.now() - startedMs) / 1000,
    ...(failure !== undefined && { error: failure instanceof Error ? failure.message : String(failure) }),
  };
}

/** Starts all contestants in parallel, because a start is mostly waiting. `running` has those that started, even if another failed. */
async function openAll(entries: readonly Entry[], running: Running[], say: (progress: string) => void): Promise<void> {
  say(`starting ${entries.map(({ name }) => name).join(", ")}`);
  const outcomes = await Promise.allSettled(
    entries.map(async ({ name, open }): Promise<Running> => ({ name, contestant: await open(), results: [] })),
  );
  for (const outcome of outcomes) if (outcome.status === "fulfilled") running.push(outcome.value);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** Stops all contestants and returns the rounds that all of them finished. */
async function closeAll(running: readonly Running[], failures: unknown[]): Promise<readonly ContestantResult[]> {
  const wholeRounds = Math.min(...running.map(({ results }) => results.length));
  const closed = await Promise.all(
    running.map(async ({ name, contestant, results }): Promise<ContestantResult> => {
      const closing = await contestant.close().catch((failure: unknown) => {
        failures.push(failure);
        return {};
      });
      const { trace, details } = results[wholeRounds - 1] ?? {};
      const rounds = results.slice(0, wholeRounds).map(({ figures }) => figures);
      return { name, rounds, closing, ...(trace && { trace }), ...(details && { details }) };
    }),
  );
  return wholeRounds > 0 ? closed : [];
}

async function takeTurns(
  running: readonly Running[],
  { rounds, softLimitMs }: RunLimits,
  startedMs: number,
  say: (progress: string) => void,
  othersShares: number[],
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const roundStartedMs = performance.now();
    for (const { name, contestant, results } of running) {
      say(`round ${round + 1} of ${rounds}: ${name}`);
      results.push(await watched(() => contestant.measure(round), othersShares));
    }
    const nowMs = performance.now();
    if (nowMs - startedMs + (nowMs - roundStartedMs) > softLimitMs) return;
  }
}

/** Runs one turn, and records the CPU use of other processes, even if the turn fails. */
async function watched<T>(turn: () => Promise<T>, othersShares: number[]): Promise<T> {
  const before = await sampleProcessor();
  try {
    return await turn();
  } finally {
    const share = othersShare(before, await sampleProcessor(), cpus().length);
    if (share !== undefined) othersShares.push(share);
  }
}
