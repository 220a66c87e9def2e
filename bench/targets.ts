import type { FigureName } from "./figures.ts";
import type { ContestantName } from "./workloads/workload.ts";

/**
 * A target of the project. `ratio` is ours ÷ the rival's, `difference` is ours − the rival's, `value` is ours. The last two have the
 * figure's unit.
 */
export type Target = {
  readonly workload: string;
  readonly figure: FigureName;
  readonly rival: ContestantName;
  readonly rule:
    | { readonly of: "ratio"; readonly atLeast: number }
    | { readonly of: "ratio" | "difference"; readonly atMost: number }
    | { readonly of: "value"; readonly below: number }
    | { readonly of: "value"; readonly atLeast: number };
};

const peer = "llama-server";

export const TARGETS: readonly Target[] = [
  { workload: "single", figure: "decodeTokensPerSecond", rival: peer, rule: { of: "ratio", atLeast: 1 } },
  { workload: "batch8", figure: "outputTokensPerSecond", rival: peer, rule: { of: "ratio", atLeast: 1 } },
  { workload: "batch", figure: "ttftBesideBatch", rival: "sluice", rule: { of: "value", below: 1.1 } },
  { workload: "batch", figure: "itlBesideBatch", rival: "sluice", rule: { of: "value", below: 1.1 } },
  { workload: "batch", figure: "batchOverStreams", rival: "sluice", rule: { of: "value", atLeast: 0.95 } },
  { workload: "bulk", figure: "linesPerSecond", rival: peer, rule: { of: "ratio", atLeast: 2 } },
  { workload: "prefill", figure: "prefillTokensPerSecond", rival: peer, rule: { of: "ratio", atLeast: 0.97 } },
  { workload: "shared-prefix", figure: "firstWaveTtftP50Ms", rival: peer, rule: { of: "ratio", atMost: 0.5 } },
  { workload: "multi-turn", figure: "wallMs", rival: peer, rule: { of: "ratio", atMost: 1 } },
  { workload: "intrusion", figure: "itlP99Ms", rival: peer, rule: { of: "ratio", atMost: 0.08 } },
  { workload: "intrusion", figure: "intruderTtftMs", rival: peer, rule: { of: "ratio", atMost: 1.3 } },
  { workload: "fim-burst", figure: "keptTtftP95Ms", rival: peer, rule: { of: "ratio", atMost: 0.7 } },
  { workload: "batch8", figure: "peakRssMb", rival: peer, rule: { of: "difference", atMost: 220 } },
  { workload: "start", figure: "startToFirstTokenMs", rival: peer, rule: { of: "ratio", atMost: 2 } },
  { workload: "overhead", figure: "addedP50Ms", rival: "bare, two processes", rule: { of: "ratio", atMost: 1.15 } },
  { workload: "overhead", figure: "addedP99Ms", rival: "bare, two processes", rule: { of: "ratio", atMost: 1.3 } },
  { workload: "overload", figure: "goodPerSecond", rival: peer, rule: { of: "ratio", atLeast: 2 } },
  { workload: "overload", figure: "politeTtftOverUnloaded", rival: peer, rule: { of: "value", below: 2 } },
  { workload: "overload", figure: "returnedAnswered", rival: peer, rule: { of: "value", atLeast: 90 } },
  { workload: "overload", figure: "refusalP95Ms", rival: peer, rule: { of: "value", below: 300 } },
  { workload: "overload", figure: "spikeRefusalP95Ms", rival: peer, rule: { of: "value", below: 300 } },
  { workload: "overload", figure: "growthMb", rival: peer, rule: { of: "value", below: 30 } },
  { workload: "routes", figure: "largeDecisionUs", rival: "sluice", rule: { of: "value", below: 20 } },
  { workload: "cluster", figure: "hugeDecisionUs", rival: "sluice", rule: { of: "value", below: 20 } },
  { workload: "queue", figure: "crowdedDecisionUs", rival: "sluice", rule: { of: "value", below: 20 } },
  { workload: "cache", figure: "hitsPerSecond", rival: "bare Hono", rule: { of: "ratio", atLeast: 1 } },
  { workload: "cache", figure: "streamedHitsPerSecond", rival: "bare Hono", rule: { of: "ratio", atLeast: 1 } },
  { workload: "cache", figure: "hitsPerSecond", rival: "Portkey", rule: { of: "ratio", atLeast: 5 } },
  { workload: "cache", figure: "hitsPerSecond", rival: "LiteLLM", rule: { of: "ratio", atLeast: 5 } },
  { workload: "cache", figure: "grownOverCounted", rival: "sluice", rule: { of: "value", below: 1 } },
  { workload: "proxy", figure: "proxiedPerSecond", rival: "Portkey", rule: { of: "ratio", atLeast: 5 } },
  { workload: "proxy", figure: "proxiedPerSecond", rival: "LiteLLM", rule: { of: "ratio", atLeast: 50 } },
  { workload: "proxy", figure: "proxiedP50Ms", rival: "direct", rule: { of: "difference", atMost: 0.5 } },
  { workload: "proxy", figure: "firstTokenP50Ms", rival: "direct", rule: { of: "difference", atMost: 1 } },
  { workload: "proxy", figure: "openStreamKb", rival: "sluice", rule: { of: "value", below: 100 } },
  {
    workload: "telemetry",
    figure: "outputTokensPerSecond",
    rival: "sluice, unwatched",
    rule: { of: "ratio", atLeast: 0.98 },
  },
  { workload: "telemetry", figure: "hitsPerSecond", rival: "sluice, unwatched", rule: { of: "ratio", atLeast: 0.95 } },
  {
    workload: "telemetry",
    figure: "proxiedPerSecond",
    rival: "sluice, unwatched",
    rule: { of: "ratio", atLeast: 0.95 },
  },
  { workload: "intruders", figure: "healthP999Ms", rival: "sluice", rule: { of: "value", below: 50 } },
  { workload: "intruders", figure: "gapOverUndisturbed", rival: "sluice", rule: { of: "value", below: 2 } },
  { workload: "intruders", figure: "refusalP95Ms", rival: "sluice", rule: { of: "value", below: 300 } },
  { workload: "engine", figure: "decodeTokensPerSecond", rival: "evaluate()", rule: { of: "ratio", atLeast: 2 } },
  { workload: "engine", figure: "decode8TokensPerSecond", rival: "evaluate()", rule: { of: "ratio", atLeast: 2 } },
];

/** Such as `≥ 0.97` or `≤ +220 MB`. */
export function describeRule({ rule }: Target, unit: string): string {
  if ("atLeast" in rule) return rule.of === "ratio" ? `≥ ${rule.atLeast}` : `≥ ${rule.atLeast} ${unit}`;
  if ("below" in rule) return `< ${rule.below} ${unit}`;
  return rule.of === "ratio" ? `≤ ${rule.atMost}` : `≤ +${rule.atMost} ${unit}`;
}

/** Whether a value meets the target. */
export function keeps({ rule }: Target, value: number): boolean {
  if ("atLeast" in rule) return value >= rule.atLeast;
  return "below" in rule ? value < rule.below : value <= rule.atMost;
}
