import type { GenerationEvent } from "../generation/event.ts";
import { deferred } from "./deferred.ts";
import { atFullPrice } from "./price.ts";
import { replay } from "./replay.ts";
import type { Answer } from "./store.ts";
import type { Sought } from "./tier.ts";

/** Who generates an answer that several gateways are asked for at the same time. */
export type Turns = {
  /**
   * Resolves with what another gateway has made meanwhile, or with the turn to make it here. Takes a bounded time and never rejects, but
   * with the reason of `signal`.
   */
  readonly take: (sought: Sought, signal: AbortSignal) => Promise<Turn>;
};

export type Turn =
  | { readonly type: "taken"; readonly answer: Answer }
  | {
      readonly type: "own";
      /** How long it took to know, in ms. */
      readonly waitedMs: number;
      /** Lets others have theirs. To be called once, when the answer is stored or has failed. */
      readonly end: () => void;
    };

/** A generation that waits for this gateway's turn. */
export type InTurn = {
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
 * @param generate told how long it took to have the turn, in ms
 */
export function inTurn(
  turns: Turns,
  sought: Sought,
  generate: (signal: AbortSignal, waitedMs: number) => AsyncIterable<GenerationEvent>,
): InTurn {
  let isTaken = false;
  let hasEnded = false;
  let turn: Turn | undefined;

  function end(): void {
    hasEnded = true;
    if (turn?.type === "own") turn.end();
    turn = undefined;
  }

  async function begin(signal: AbortSignal): Promise<AsyncIterator<GenerationEvent>> {
    turn = await turns.take(sought, signal);
    if (turn.type === "taken") {
      isTaken = true;
      return replay(atFullPrice(turn.answer.events()), { signal, isPaced: false });
    }
    const { waitedMs } = turn;
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
