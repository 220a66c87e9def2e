import type { Backend } from "../generation/backend.ts";
import type { QueuedView } from "../generation/view.ts";
import type { RatedSlot } from "./slot-rates.ts";
import type { LiveModel, LiveQueued, LiveSlot } from "./snapshot.ts";

/** What is read of a model. */
export type LiveBackend = Pick<
  Backend,
  | "id"
  | "state"
  | "upstream"
  | "residence"
  | "details"
  | "occupancy"
  | "workload"
  | "queued"
  | "slots"
  | "onStateChange"
>;

/** The name of a tenant: its key's. */
export type NameOf = (tenant: string) => string;

export function describeModel(
  model: LiveBackend,
  slots: readonly RatedSlot[],
  {
    tokensPerSecond,
    waitRatio,
  }: { readonly tokensPerSecond: number; readonly waitRatio: readonly number[] | undefined },
  nameOf: NameOf,
): LiveModel {
  const { id, state, upstream, residence, occupancy, workload, details } = model;
  const breaker = upstream?.breaker?.();
  const place = residence?.();
  const load = occupancy?.() ?? workload();
  return {
    id,
    state: state(),
    upstream:
      upstream === undefined
        ? null
        : {
            ...{ name: upstream.name, kind: upstream.kind, breaker: breaker?.state ?? null },
            retry_after_ms: breaker?.retryAfterMs ?? 0,
          },
    memory_bytes: place?.memoryBytes ?? null,
    unload_in_ms: place?.unloadInMs ?? null,
    pinned: place?.isPinned === true,
    context_tokens: upstream === undefined ? (details().contextTokens ?? null) : null,
    waiting: load?.waiting ?? 0,
    running: load?.running ?? 0,
    first_token_ms: load?.firstTokenMs ?? null,
    wait_ratio: waitRatio === undefined ? null : [...waitRatio],
    tokens_per_second: tokensPerSecond,
    slots: slots.map((slot) => describeSlot(slot, nameOf)),
  };
}

function describeSlot({ index, heldTokens, sequence, tokensPerSecond }: RatedSlot, nameOf: NameOf): LiveSlot {
  return {
    ...{ index, held_tokens: heldTokens },
    request:
      sequence === undefined
        ? null
        : {
            ...{ id: sequence.requestId, key: nameOf(sequence.tenant), class: sequence.priority },
            choice: sequence.choice,
            prompt_tokens: sequence.promptTokens,
            prefilled_tokens: sequence.prefilledTokens,
            cached_tokens: sequence.cachedTokens,
            generated_tokens: sequence.generatedTokens,
            tokens_per_second: tokensPerSecond ?? null,
          },
  };
}

export function describeQueued(model: string, queued: QueuedView, nameOf: NameOf): LiveQueued {
  const { requestId, tenant, priority, state, position, waitedMs, promisedMs, etaMs } = queued;
  return {
    ...{ id: requestId, key: nameOf(tenant), class: priority, model, state },
    position: position ?? null,
    waited_ms: Math.max(0, waitedMs),
    promised_ms: promisedMs ?? null,
    eta_ms: etaMs ?? null,
  };
}
