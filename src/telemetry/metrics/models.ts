import { BACKEND_STATES, type Backend } from "../../generation/backend.ts";
import type { Backends } from "../../generation/follow-states.ts";
import type { StepCounts } from "../../generation/step-counts.ts";
import { SLUICE, VLLM } from "./families.ts";
import type { Family, Metrics } from "./registry.ts";

/** The models that are served, as far as gauges need them. */
export type Models = Backends<
  Pick<Backend, "id" | "state" | "occupancy" | "steps" | "residence" | "upstream" | "onStateChange" | "replicas">
>;

/** The tokens of a block, in which those that choose among model servers cut prompts, as vLLM does. Here a prefix may end anywhere. */
const BLOCK_TOKENS = 16;

/** What is set anew each time. */
const GAUGES: readonly Family[] = [
  ...[SLUICE.waiting, SLUICE.running, SLUICE.slots, SLUICE.heldTokens, SLUICE.roomTokens, SLUICE.predictedWait],
  ...[SLUICE.state, SLUICE.replicas, SLUICE.upstreamUp, SLUICE.modelMemory],
  ...[VLLM.waiting, VLLM.running, VLLM.usage, VLLM.formerUsage, VLLM.cacheConfig],
];

/** Sets the gauges of models by what this gateway has in hand. Nobody else is asked: two gateways in front of each other would never end. */
export function readModels(metrics: Metrics, { list }: Models): void {
  for (const gauge of GAUGES) metrics.clear(gauge);
  for (const { id, state, occupancy, upstream, steps, residence, replicas } of list()) {
    const now = state();
    for (const each of BACKEND_STATES) metrics.value(SLUICE.state, id, each).set(each === now ? 1 : 0);
    if (replicas !== undefined) {
      const states = replicas.states();
      for (const each of BACKEND_STATES) {
        metrics.value(SLUICE.replicas, id, each).set(states.filter((state) => state === each).length);
      }
    }
    if (upstream !== undefined) metrics.value(SLUICE.upstreamUp, upstream.name).set(now === "ready" ? 1 : 0);
    const memoryBytes = residence?.()?.memoryBytes;
    if (memoryBytes !== undefined) metrics.value(SLUICE.modelMemory, id).set(memoryBytes);
    const counted = steps?.();
    if (counted !== undefined) readSteps(metrics, id, counted);
    if (occupancy === undefined) continue;
    const { waiting, running, slots, kv, firstTokenMs, returns } = occupancy();
    if (returns !== undefined) {
      metrics.value(SLUICE.returns, id, "admitted").set(returns.admitted);
      metrics.value(SLUICE.returns, id, "refused").set(returns.refused);
    }
    for (const family of [SLUICE.waiting, VLLM.waiting]) metrics.value(family, id).set(waiting);
    for (const family of [SLUICE.running, VLLM.running]) metrics.value(family, id).set(running);
    if (firstTokenMs !== undefined) metrics.value(SLUICE.predictedWait, id).set(firstTokenMs / 1_000);
    if (slots !== undefined) {
      metrics.value(SLUICE.slots, id, "used").set(slots.used);
      metrics.value(SLUICE.slots, id, "free").set(Math.max(0, slots.all - slots.used));
    }
    if (kv !== undefined) {
      const { heldTokens, roomTokens } = kv;
      metrics.value(SLUICE.heldTokens, id).set(heldTokens);
      metrics.value(SLUICE.roomTokens, id).set(roomTokens);
      for (const family of [VLLM.usage, VLLM.formerUsage]) metrics.value(family, id).set(usageOf(kv));
      const blocks = String(Math.floor(roomTokens / BLOCK_TOKENS));
      metrics.value(VLLM.cacheConfig, id, String(BLOCK_TOKENS), blocks).set(1);
    }
  }
}

function readSteps(metrics: Metrics, id: string, steps: StepCounts): void {
  const { betweenTokens, decodes, sequences, prefills, reused } = steps;
  metrics.distribution(SLUICE.betweenTokens, id).replace(betweenTokens.counts, betweenTokens.sum);
  metrics.distribution(SLUICE.steps, id, "decode").replace(decodes.counts, decodes.sum);
  metrics.distribution(SLUICE.steps, id, "prefill").replace(prefills.counts, prefills.sum);
  metrics.distribution(SLUICE.stepSequences, id).replace(sequences.counts, sequences.sum);
  metrics.value(SLUICE.reusedTokens, id, "slot").set(reused.slot);
  metrics.value(SLUICE.reusedTokens, id, "file").set(reused.file);
}

/** From 0 to 1. */
function usageOf({ heldTokens, roomTokens }: { readonly heldTokens: number; readonly roomTokens: number }): number {
  return roomTokens === 0 ? 0 : Math.min(1, heldTokens / roomTokens);
}
