import type { Work } from "./plan.ts";

/** Charges a native call to its sequences, by their tokens in it. */
export function shareSpending(work: readonly Work[], ms: number, joules: number): void {
  const total = work.reduce((sum, { tokens }) => sum + tokens.length, 0);
  for (const { sequence, tokens } of work) {
    const share = tokens.length / Math.max(1, total);
    sequence.spent.ms += share * ms;
    sequence.spent.joules += share * joules;
  }
}
