import { BACKEND_STATES, type Backend } from "../../generation/backend.ts";
import { PROCESS, SLUICE, VLLM } from "./families.ts";
import type { Family, Metrics } from "./registry.ts";

/** The models that are served, as far as gauges need them. */
export type Models = {
  readonly list: () => readonly Pick<
    Backend,
    "id" | "state" | "occupancy" | "upstream" | "onStateChange" | "replicas"
  >[];
  readonly onChange: (listener: () => void) => () => void;
};

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
export function countRestarts(metrics: Metrics, models: Models): () => void {
  const stops = new Map<string, () => void>();

  function look(): void {
    const served = new Map(models.list().map((model) => [model.id, model]));
    for (const [id, stop] of stops) {
      if (served.has(id)) continue;
      stop();
      stops.delete(id);
    }
    for (const { id, upstream, replicas, ...model } of served.values()) {
      // The model goes on while one of its replicas is started again.
      const onStateChange = replicas?.onStateChange ?? model.onStateChange;
      if (upstream !== undefined || stops.has(id) || onStateChange === undefined) continue;
      const restarts = metrics.value(SLUICE.restarts, id);
      stops.set(
        id,
        onStateChange((state) => {
          if (state === "restarting") restarts.add(1);
        }),
      );
    }
  }
  look();
  const forget = models.onChange(look);
  return () => {
    forget();
    for (const stop of stops.values()) stop();
  };
}

/** Sets what is known of this process. */
export function readProcess(metrics: Metrics): void {
  const { user, system } = process.cpuUsage();
  metrics.value(PROCESS.memory).set(process.memoryUsage.rss());
  metrics.value(PROCESS.processor).set((user + system) / 1e6);
  metrics.value(PROCESS.started).set(Math.round(Date.now() / 1_000 - process.uptime()));
}
