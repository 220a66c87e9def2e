import { cpus } from "node:os";
import type { Measurement } from "./figures.ts";
import { othersShare, sampleProcessor } from "./peers/processor.ts";
import type { Bench, Contestant, ContestantName, RoundResult, Trace, Workload } from "./workloads/workload.ts";

export type ContestantResult = {
  readonly name: ContestantName;
  readonly rounds: readonly Measurement[];
  /** What is known of its whole life, such as its memory. */
  readonly closing: Measurement;
  /** Of the last round. */
  readonly trace?: Trace;
};

export type WorkloadResult = {
  readonly name: string;
  readonly title: string;
  readonly notes: readonly string[];
  /** Ours first. All have as many rounds. */
  readonly contestants: readonly ContestantResult[];
  readonly seconds: number;
  /** The share of the machine that others used during each turn, warm-ups too, 0 to 1; empty where the system doesn't tell. */
  readonly othersShares: readonly number[];
  /** Why it ended before its rounds were done; what was measured until then counts. */
  readonly error?: string;
};

export type RunLimits = {
  /** 0 skips the workload. */
  readonly rounds: number;
  /** No round is begun that would probably end after this, except for the first. */
  readonly softLimitMs: number;
};

type Running = { readonly name: ContestantName; readonly contestant: Contestant; readonly results: RoundResult[] };

/**
 * Runs one workload: opens its contestants, warms them up, and lets them take turns (A B A B …) round by round. Never throws: a
 * failure is part of the result, and everything that was opened is closed.
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
  let error: string | undefined;
  try {
    if (limits.rounds < 1) throw new Error("the time was used up before it began");
    for (const { name, open } of workload.entries(bench)) {
      say(`starting ${name}`);
      running.push({ name, contestant: await open(), results: [] });
    }
    for (const { name, contestant } of running) {
      say(`warming up ${name}`);
      await watched(() => contestant.warmUp(), othersShares);
    }
    await takeTurns(running, limits, startedMs, say, othersShares);
  } catch (failure) {
    error = describe(bench.signal.aborted ? bench.signal.reason : failure);
  }

  const contestants: ContestantResult[] = [];
  const wholeRounds = Math.min(...running.map(({ results }) => results.length));
  for (const { name, contestant, results } of running) {
    const closing = await contestant.close().catch((failure: unknown) => {
      error ??= describe(failure);
      return {};
    });
    const trace = results[wholeRounds - 1]?.trace;
    const rounds = results.slice(0, wholeRounds).map(({ figures }) => figures);
    contestants.push({ name, rounds, closing, ...(trace && { trace }) });
  }
  return {
    name: workload.name,
    title: workload.title,
    notes: workload.notes ?? [],
    contestants,
    othersShares,
    seconds: (performance.now() - startedMs) / 1000,
    ...(error !== undefined && { error }),
  };
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

/** Does a turn's work, and notes what others took of the machine meanwhile, also where it fails. */
async function watched<T>(turn: () => Promise<T>, othersShares: number[]): Promise<T> {
  const before = await sampleProcessor();
  try {
    return await turn();
  } finally {
    const share = othersShare(before, await sampleProcessor(), cpus().length);
    if (share !== undefined) othersShares.push(share);
  }
}

function describe(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
