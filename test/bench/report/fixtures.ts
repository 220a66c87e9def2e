import type { Measurement } from "../../../bench/figures.ts";
import type { ContestantResult, WorkloadResult } from "../../../bench/run.ts";

/** A workload that both sides finished, with these rounds of each. */
export function makeResult(
  name: string,
  ours: readonly Measurement[],
  theirs: readonly Measurement[] = [],
): WorkloadResult {
  const contestants: ContestantResult[] = [{ name: "sluice", rounds: ours, closing: {} }];
  if (theirs.length > 0) contestants.push({ name: "llama-server", rounds: theirs, closing: {} });
  return { name, title: `What ${name} does.`, notes: [], contestants, seconds: 12, othersShares: [0.01, 0.2] };
}
