import type { Args } from "./args.ts";
import type { RunLimits } from "./run.ts";
import type { Workload } from "./workloads/workload.ts";

const FULL_ROUNDS = 5;
const QUICK_ROUNDS = 3;
/** The quick run promises to end within three minutes; the last tenth is for what is slower than it should be. */
const QUICK_TOTAL_MS = 165_000;
/** However slow the machine is, a workload ends. */
const HARD_LIMIT_MS = 30 * 60_000;
/** The quick run breaks a workload off after this, or after twice its share of the time where that is more. */
const QUICK_HARD_LIMIT_MS = 30_000;
/** The minimum time of a workload, which starts its servers first. */
const LEAST_MS = 5_000;

/**
 * The number of rounds and the time limit of a workload. The quick run divides the remaining time evenly; a workload without remaining time
 * has no rounds.
 */
export function limitsOf(
  workload: Pick<Workload, "rounds">,
  { quick, rounds }: Pick<Args, "quick" | "rounds">,
  { leftWorkloads, elapsedMs }: { readonly leftWorkloads: number; readonly elapsedMs: number },
): RunLimits & { readonly hardLimitMs: number } {
  if (!quick) {
    return {
      rounds: rounds ?? workload.rounds?.full ?? FULL_ROUNDS,
      softLimitMs: HARD_LIMIT_MS,
      hardLimitMs: HARD_LIMIT_MS,
    };
  }
  const leftMs = Math.max(0, QUICK_TOTAL_MS - elapsedMs);
  const shareMs = leftMs / leftWorkloads;
  return {
    rounds: leftMs < LEAST_MS ? 0 : (rounds ?? workload.rounds?.quick ?? QUICK_ROUNDS),
    softLimitMs: shareMs,
    hardLimitMs: Math.min(leftMs, Math.max(QUICK_HARD_LIMIT_MS, 2 * shareMs)),
  };
}
