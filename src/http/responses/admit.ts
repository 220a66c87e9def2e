import { setImmediate as loopTurn } from "node:timers/promises";
import { OverloadedError } from "../../generation/errors.ts";
import type { GenerationEvent } from "../../generation/event.ts";
import { describeFailure, isClientsFault } from "../errors.ts";
import type { ClientGeneration } from "../generation.ts";

/** How long a client waits to hear of a fault that only the engine can see: it is told later where that takes longer. */
const MAX_CHECK_MS = 5_000;

export type Admission = {
  /** Resolves when the limits of its key have let it in. */
  readonly accepted: Promise<void>;
  /**
   * The same request up to its first event, evaluated by nobody: what it throws for a prompt that is too long, this throws too.
   * Undefined where that can't be known yet.
   */
  readonly check: ((signal: AbortSignal) => AsyncIterable<GenerationEvent>) | undefined;
};

/**
 * Begins a generation whose client does not wait for it, and waits until it is known whether it is taken on: who is over a limit, or asks for
 * what can't be, should hear so at once, and not when they ask what became of it. Returns it with nothing of it lost. Throws what it was
 * refused with, and then it is cancelled; a failure of the server's is the generation's own.
 */
export async function admit(generation: ClientGeneration, { accepted, check }: Admission): Promise<ClientGeneration> {
  const first = generation.events.next();
  const known = new AbortController();
  try {
    await Promise.race([
      first.then(() => {}, refuse),
      // Whether there is room for it is decided in the same turn.
      accepted.then(async () => {
        await loopTurn();
        const signal = AbortSignal.any([known.signal, AbortSignal.timeout(MAX_CHECK_MS)]);
        if (check !== undefined) await findFault(check(signal));
      }),
    ]);
  } catch (error) {
    generation.cancel();
    // Nobody is left to hear how it ended.
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

/** Throws what the client did wrong. All else is nothing that is sure to be so when its turn comes. */
async function findFault(events: AsyncIterable<GenerationEvent>): Promise<void> {
  const iterator = events[Symbol.asyncIterator]();
  try {
    await iterator.next();
    await iterator.return?.();
  } catch (error) {
    if (isClientsFault(error)) throw error;
  }
}

/** `first`, and then the rest. */
async function* after(
  first: Promise<IteratorResult<GenerationEvent>>,
  rest: AsyncIterator<GenerationEvent>,
): AsyncGenerator<GenerationEvent> {
  const begun = await first;
  if (begun.done === true) return;
  yield begun.value;
  yield* { [Symbol.asyncIterator]: () => rest };
}
