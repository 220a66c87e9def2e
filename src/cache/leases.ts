import type { GenerationEvent } from "../generation/event.ts";
import { deferred } from "./deferred.ts";
import { atFullPrice, replay } from "./replay.ts";
import type { Answer } from "./store.ts";
import type { Sought } from "./tier.ts";

/** Lets one gateway generate an answer that several are asked for at the same time. */
export type Leases = {
  /**
   * Resolves with the answer that another gateway has generated meanwhile, or with the lease to generate it here. Takes a bounded time, and rejects
   * only with the reason of `signal`.
   */
  readonly take: (sought: Sought, signal: AbortSignal) => Promise<LeaseOutcome>;
};

export type LeaseOutcome =
  | { readonly type: "taken"; readonly answer: Answer }
  | {
      readonly type: "own";
      /** The time that it took, in ms. */
      readonly waitedMs: number;
      /** Releases the lease. To be called once, when the answer is stored or has failed. */
      readonly end: () => void;
    };

/** A generation that starts when this gateway has the lease. */
export type Leased = {
  readonly run: (signal: AbortSignal) => AsyncIterable<GenerationEvent>;
  /** Whether another gateway's answer was used instead. */
  readonly isTaken: () => boolean;
  /** To be called when the generation has ended in any way. */
  readonly end: () => void;
};

/**
 * Uses the answer of another gateway, or generates one. The other gateway's answer is charged in full, like a generation shared within one gateway.
 *
 * @param generate gets the time it took to get the lease, in ms
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
