import { BACKEND_STATES, type Backend } from "../../generation/backend.ts";
import { type Backends, followStates } from "../../generation/follow-states.ts";
import { PROCESS, SLUICE, VLLM } from "./families.ts";
import type { Family, Metrics } from "./registry.ts";

/** The models that are served, as far as gauges need them. */
export type Models = Backends<Pick<Backend, "id" | "state" | "occupancy" | "upstream" | "onStateChange" | "replicas">>;

/** The tokens of a block, in which those that choose among model servers cut prompts, as vLLM does. Here a prefix may end anywhere. */
const BLOCK_TOKENS = 16;

/** What is set anew each time. */
const GAUGES: readonly Family[] = [
  ...[SLUICE.waiting, SLUICE.running, SLUICE.slots, SLUICE.heldTokens, SLUICE.roomTokens, SLUICE.predictedWait],
  ...[SLUICE.state, SLUICE.replicas, SLUICE.upstreamUp],
  ...[VLLM.waiting, VLLM.running, VLLM.usage, VLLM.formerUsage, VLLM.cacheConfig],
];

/** Sets the gauges of models by what this gateway has in hand. Nobody else is asked: two gateways in front of each other would never end. */
export function readModels(metrics: Metrics, { list }: Models): void {
  for (const gauge of GAUGES) metrics.clear(gauge);
  for (const { id, state, occupancy, upstream, replicas } of list()) {
    const now = state();
    for (const each of BACKEND_STATES) metrics.value(SLUICE.state, id, each).set(each === now ? 1 : 0);
    if (replicas !== undefined) {
      const states = replicas.states();
      for (const each of BACKEND_STATES) {
        metrics.value(SLUICE.replicas, id, each).set(states.filter((state) => state === each).length);
      }
    }
    if (upstream !== undefined) metrics.value(SLUICE.upstreamUp, upstream.name).set(now === "ready" ? 1 : 0);
    if (occupancy === undefined) continue;
    const { waiting, running, slots, kv, firstTokenMs } = occupancy();
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

/** From 0 to 1. */
function usageOf({ heldTokens, roomTokens }: { readonly heldTokens: number; readonly roomTokens: number }): number {
  return roomTokens === 0 ? 0 : Math.min(1, heldTokens / roomTokens);
}

/** Counts how often each model's process is started again. Returns what ends it. */
export function countRestarts(metrics: Metrics, { list, onChange }: Models): () => void {
  const processes = () =>
    list().map(({ id, upstream, replicas, onStateChange }) => ({
      ...{ id, upstream },
      // The model goes on while one of its replicas is started again.
      onStateChange: replicas?.onStateChange ?? onStateChange,
    }));
  return followStates({ list: processes, onChange }, ({ id, upstream }) => {
    if (upstream !== undefined) return undefined;
    const restarts = metrics.value(SLUICE.restarts, id);
    return (state) => {
      if (state === "restarting") restarts.add(1);
    };
  });
}

/** Sets what is known of this process. */
export function readProcess(metrics: Metrics): void {
  const { user, system } = process.cpuUsage();
  metrics.value(PROCESS.memory).set(process.memoryUsage.rss());
  metrics.value(PROCESS.processor).set((user + system) / 1e6);
  metrics.value(PROCESS.started).set(Math.round(Date.now() / 1_000 - process.uptime()));
}
