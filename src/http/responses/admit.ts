import { setImmediate as loopTurn } from "node:timers/promises";
import { OverloadedError } from "../../generation/errors.ts";
import type { GenerationEvent } from "../../generation/event.ts";
import { describeFailure, isClientsFault } from "../errors.ts";
import type { ClientGeneration } from "../generation.ts";

/** The maximum wait for an error that only the engine can detect. If it takes longer, the client gets it later. */
const MAX_CHECK_MS = 5_000;

export type Admission = {
  /** Resolves when its key's limits have admitted it. */
  readonly accepted: Promise<void>;
  /**
   * The same request up to its first event, without evaluation. It throws the same errors, such as for a prompt that is too long.
   * Undefined if the request can't be checked in advance.
   */
  readonly check: ((signal: AbortSignal) => AsyncIterable<GenerationEvent>) | undefined;
};

/**
 * Starts a generation that runs in the background, and waits until it is known whether it is accepted: a client that is over a limit, or
 * whose request is invalid, should get the error at once, and not when it fetches the answer. Returns the whole generation. Cancels a
 * refused one and throws the reason. A failure of the server is left to the generation.
 */
export async function admit(generation: ClientGeneration, { accepted, check }: Admission): Promise<ClientGeneration> {
  const first = generation.events.next();
  const known = new AbortController();
  try {
    await Promise.race([
      first.then(() => {}, refuse),
      // The queue accepts or refuses it in the same turn.
      accepted.then(async () => {
        await loopTurn();
        const signal = AbortSignal.any([known.signal, AbortSignal.timeout(MAX_CHECK_MS)]);
        if (check !== undefined) await findFault(check(signal));
      }),
    ]);
  } catch (error) {
    generation.cancel();
    // Nobody waits for its result any more.
    first.catch(() => {});
    throw error;
  } finally {
    known.abort();
  }
  return { ...generation, events: after(first, generation.events) };
}

function refuse(error: unknown): void {
  const { status } = describeFailure(error, "");
  if (status < 500 || error instanceof OverloadedError) throw error;
}

/** Throws errors of the client. Others may be gone when the request has its turn. */
async function findFault(events: AsyncIterable<GenerationEvent>): Promise<void> {
  const iterator = events[Symbol.asyncIterator]();
  try {
    await iterator.next();
    await iterator.return?.();
  } catch (error) {
    if (isClientsFault(error)) throw error;
  }
}

/** Yields `first`, then the rest. */
async function* after(
  first: Promise<IteratorResult<GenerationEvent>>,
  rest: AsyncIterator<GenerationEvent>,
): AsyncGenerator<GenerationEvent> {
  const begun = await first;
  if (begun.done === true) return;
  yield begun.value;
  yield* { [Symbol.asyncIterator]: () => rest };
}
