import type { SupervisionPolicy } from "./policy.ts";

/**
 * The pause before the next restart, in ms, when `restartsInARow` went before it: none for the first, since most deaths are
 * single and a client is waiting, then doubling from `restartDelayMs` to `maxRestartDelayMs`.
 */
export function restartDelayMs(
  restartsInARow: number,
  policy: Pick<SupervisionPolicy, "restartDelayMs" | "maxRestartDelayMs">,
): number {
  if (restartsInARow === 0) return 0;
  return Math.min(policy.restartDelayMs * 2 ** (restartsInARow - 1), policy.maxRestartDelayMs);
}
