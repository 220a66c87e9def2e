import type { Clock } from "../clock.ts";
import { OverloadedError } from "../generation/errors.ts";
import type { Terms } from "../generation/terms.ts";
import type { Bound, Claim } from "./bound.ts";
import type { Demand } from "./price.ts";
import type { ModelQueue } from "./queue.ts";
import { showDuration } from "./waits.ts";

/** What is in hand for one model, as far as it depends on that who is let in. */
export type Load = Pick<ModelQueue, "isIdle" | "predictMs" | "tokensOf">;

/** Decides who is let in to a model, by the prompt's size and the queue's state alone. */
export type Admission = {
  /**
   * Takes room for a request. `mark` is what it is known by when it is sent again after a refusal.
   * @throws OverloadedError where there is none, or where the first token would come too late; it says when to come back
   */
  enter(order: Demand & { readonly mark: string }, terms: Pick<Terms, "priority" | "maxWaitMs">): Admitted;
};

/** The room that a request was given. */
export type Admitted = {
  /** Whether it was sent away before, and has come back when it was told to. */
  readonly isReturning: boolean;
  /** Gives the room back. */
  readonly leave: () => void;
};

export type AdmissionOptions = {
  readonly queue: Load;
  /** The model's own bound first, then that of all models. */
  readonly bounds: readonly [own: Bound, ...others: Bound[]];
  /** Nobody is let in who would wait longer than this for the first token. */
  readonly maxWaitMs: number;
  readonly clock: Clock;
};

export function createAdmission({ queue, bounds, maxWaitMs, clock }: AdmissionOptions): Admission {
  const [own] = bounds;

  /** Whether the request comes back at the time that it was told. Throws where a bound has no room. */
  function findRoom(claim: Claim, nowMs: number): boolean {
    const { isIdle } = queue;
    let isReturning = false;
    for (const bound of bounds) {
      const answer = bound.ask(claim, nowMs, isIdle);
      isReturning ||= answer.isReturning;
      if (answer.departures > 0) {
        const retryMs = bound.refuse(claim, answer.departures, nowMs);
        throw refusal(`The server already has ${bound.requests} requests in hand.`, retryMs);
      }
    }
    return isReturning;
  }

  function findTime(order: Demand & Pick<Terms, "priority">, askedMs: number, claim: Claim, nowMs: number): void {
    // Where nothing is in its way, nothing is gained by sending it away, unless it says so itself.
    const mayMs = queue.isIdle ? askedMs : Math.min(askedMs, maxWaitMs);
    const held = own.heldFor(order.tenant, nowMs);
    const likelyMs = queue.predictMs(order, held.now);
    if (likelyMs <= mayMs) return;
    const tooLateMs = queue.predictMs(order, held.now + held.later) - mayMs;
    const retryMs = own.refuse(claim, Math.max(1, Math.ceil(tooLateMs / own.intervalMs(nowMs))), nowMs);
    throw refusal(
      `The first token would come after about ${showDuration(likelyMs)}, later than the ${showDuration(mayMs)} that the request may wait.`,
      retryMs,
    );
  }

  return {
    enter(order, { priority, maxWaitMs: askedMs = Number.POSITIVE_INFINITY }) {
      const enteredMs = clock.now();
      const claim = { tenant: order.tenant, mark: order.mark, tokens: queue.tokensOf(order.size) };
      const isReturning = findRoom(claim, enteredMs);
      // A place is kept for one that comes back as it was told, before its tenant's others.
      if (!isReturning) findTime({ ...order, priority }, askedMs, claim, enteredMs);
      for (const bound of bounds) bound.enter(claim, enteredMs);
      return {
        isReturning,
        leave() {
          const nowMs = clock.now();
          for (const bound of bounds) bound.leave(claim, nowMs - enteredMs, nowMs);
        },
      };
    },
  };
}

/** Refusals come by the thousand where there is overload, and a stack, which takes longest to make, says nothing about why. */
function refusal(reason: string, retryAfterMs: number): OverloadedError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return new OverloadedError(reason, retryAfterMs);
  } finally {
    Error.stackTraceLimit = limit;
  }
}
