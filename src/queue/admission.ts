import type { Clock } from "../clock.ts";
import type { Returns } from "../generation/backend.ts";
import { type Overload, OverloadedError } from "../generation/errors.ts";
import type { Terms } from "../generation/terms.ts";
import type { Bound, Claim } from "./bound.ts";
import type { Demand } from "./price.ts";
import type { ModelQueue } from "./queue.ts";
import { showDuration } from "./waits.ts";

/** The part of a model's queue that admission depends on. */
export type Load = Pick<ModelQueue, "isIdle" | "predictMs" | "tokensOf">;

/** Decides whether a model accepts a request, from the prompt's size and the state of the queue alone. */
export type Admission = {
  /**
   * Reserves room for a request. `mark` identifies it when it is sent again after a refusal.
   * @throws OverloadedError if there is no room or the first token would come too late; it says when to retry
   */
  enter(order: Demand & { readonly mark: string }, terms: Pick<Terms, "priority" | "maxWaitMs">): Admitted;
  /** Whether what refused requests were told was true. */
  readonly returns: Returns;
};

/** The room that a request holds. */
export type Admitted = {
  /** Whether the request was refused before and has come back at the time it was told. */
  readonly isReturning: boolean;
  /** Releases the room. */
  readonly leave: () => void;
};

export type AdmissionOptions = {
  readonly queue: Load;
  /** The model's own bound first, then the one over all models. */
  readonly bounds: readonly [own: Bound, ...others: Bound[]];
  /** Requests that would wait longer than this for the first token are refused. */
  readonly maxWaitMs: () => number;
  readonly clock: Clock;
};

export function createAdmission({ queue, bounds, maxWaitMs, clock }: AdmissionOptions): Admission {
  const [own] = bounds;
  const returns = { admitted: 0, refused: 0 };

  /** Returns whether the request comes back at the time it was told. Throws if a bound has no room. */
  function findRoom(claim: Claim, nowMs: number): boolean {
    const { isIdle } = queue;
    let isReturning = false;
    for (const bound of bounds) {
      const answer = bound.ask(claim, nowMs, isIdle);
      isReturning ||= answer.isReturning;
      if (answer.departures > 0) {
        const retryMs = bound.refuse(claim, answer.departures, nowMs);
        if (isReturning) returns.refused += 1;
        throw refusal(`The server already has ${bound.requests} requests in progress.`, retryMs);
      }
    }
    return isReturning;
  }

  function findTime(order: Demand & Pick<Terms, "priority">, askedMs: number, claim: Claim, nowMs: number): void {
    // On an idle model a refusal gains nothing, unless the request has a deadline of its own.
    const mayMs = queue.isIdle ? askedMs : Math.min(askedMs, maxWaitMs());
    const held = own.heldFor(order.tenant, nowMs);
    const likelyMs = queue.predictMs(order, held.now);
    if (likelyMs <= mayMs) return;
    const tooLateMs = queue.predictMs(order, held.now + held.later) - mayMs;
    const retryMs = own.refuse(claim, Math.max(1, Math.ceil(tooLateMs / own.intervalMs(nowMs))), nowMs);
    throw refusal(
      `The first token would come after about ${showDuration(likelyMs)}, later than the ${showDuration(mayMs)} that the request may wait.`,
      retryMs,
      "late",
    );
  }

  return {
    returns,
    enter(order, { priority, maxWaitMs: askedMs = Number.POSITIVE_INFINITY }) {
      const enteredMs = clock.now();
      const claim = { tenant: order.tenant, mark: order.mark, tokens: queue.tokensOf(order.size) };
      const isReturning = findRoom(claim, enteredMs);
      // A place is held for a request that comes back when it was told to.
      if (isReturning) returns.admitted += 1;
      else findTime({ ...order, priority }, askedMs, claim, enteredMs);
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

/** Without a stack trace: under overload there are thousands of refusals, and the trace takes most of the time to create. */
function refusal(reason: string, retryAfterMs: number, why: Overload = "full"): OverloadedError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return new OverloadedError(reason, retryAfterMs, why);
  } finally {
    Error.stackTraceLimit = limit;
  }
}
