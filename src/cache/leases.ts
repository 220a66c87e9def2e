import type { GenerationEvent } from "../generation/event.ts";
import { deferred } from "./deferred.ts";
import { atFullPrice, replay } from "./replay.ts";
import type { Answer } from "./store.ts";
import type { Sought } from "./tier.ts";

/** Who generates an answer that several gateways are asked for at the same time. */
export type Leases = {
  /**
   * Resolves with what another gateway has made meanwhile, or with the lease to make it here. Takes a bounded time and never rejects, but
   * with the reason of `signal`.
   */
  readonly take: (sought: Sought, signal: AbortSignal) => Promise<LeaseOutcome>;
};

export type LeaseOutcome =
  | { readonly type: "taken"; readonly answer: Answer }
  | {
      readonly type: "own";
      /** How long it took to know, in ms. */
      readonly waitedMs: number;
      /** Lets others have it. To be called once, when the answer is stored or has failed. */
      readonly end: () => void;
    };

/** A generation that waits for this gateway's lease. */
export type Leased = {
  readonly run: (signal: AbortSignal) => AsyncIterable<GenerationEvent>;
  /** Whether another gateway's answer was taken instead. */
  readonly isTaken: () => boolean;
  /** To be called when it has ended, in whatever way. */
  readonly end: () => void;
};

/**
 * Takes what another gateway makes, or generates. What is taken costs as much as if it were generated here, as a generation costs that is
 * shared within the gateway.
 *
 * @param generate told how long it took to have the lease, in ms
 */
export function leased(
  leases: Leases,
  sought: Sought,
  generate: (signal: AbortSignal, waitedMs: number) => AsyncIterable<GenerationEvent>,
): Leased {
  let isTaken = false;
  let hasEnded = false;
  let lease: LeaseOutcome | undefined;

  function end(): void {
    hasEnded = true;
    if (lease?.type === "own") lease.end();
    lease = undefined;
  }

  async function begin(signal: AbortSignal): Promise<AsyncIterator<GenerationEvent>> {
    lease = await leases.take(sought, signal);
    if (lease.type === "taken") {
      isTaken = true;
      return replay(atFullPrice(lease.answer.events()), { signal, isPaced: false });
    }
    const { waitedMs } = lease;
    if (hasEnded) end();
    signal.throwIfAborted();
    return generate(signal, waitedMs)[Symbol.asyncIterator]();
  }

  return {
    run: (signal) => ({ [Symbol.asyncIterator]: () => deferred(() => begin(signal)) }),
    isTaken: () => isTaken,
    end,
  };
}
