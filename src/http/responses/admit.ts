import { setImmediate as loopTurn } from "node:timers/promises";
import { BeyondLimitError, OverloadedError, RateLimitedError } from "../../generation/errors.ts";
import type { GenerationEvent } from "../../generation/event.ts";
import type { ClientGeneration } from "../generation.ts";

/**
 * Begins a generation whose client does not wait for it, once it is known whether it is taken on: who is over a limit should hear so at once, and
 * not when they ask what became of it. Returns it with nothing of it lost. Throws what it was refused with, an `OverloadedError`, a
 * `RateLimitedError` or a `BeyondLimitError`; every other failure is the generation's own.
 *
 * @param accepted resolves when the limits of its key have let it in
 */
export async function admit(generation: ClientGeneration, accepted: Promise<void>): Promise<ClientGeneration> {
  const first = generation.events.next();
  // Whether there is room for it is decided in the same turn.
  await Promise.race([first.then(() => {}, refuse), accepted.then(() => loopTurn())]);
  return { ...generation, events: after(first, generation.events) };
}

function refuse(error: unknown): void {
  const isRefusal =
    error instanceof OverloadedError || error instanceof RateLimitedError || error instanceof BeyondLimitError;
  if (isRefusal) throw error;
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
