import { setImmediate as loopTurn } from "node:timers/promises";
import { OverloadedError } from "../../generation/errors.ts";
import type { GenerationEvent } from "../../generation/event.ts";
import { describeFailure } from "../errors.ts";
import type { ClientGeneration } from "../generation.ts";

/**
 * Begins a generation whose client does not wait for it, and waits until it is known whether it is taken on: who is over a limit, or asks for
 * what can't be, should hear so at once, and not when they ask what became of it. Returns it with nothing of it lost. Throws what it was
 * refused with; a failure of the server's is the generation's own.
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
  const { status } = describeFailure(error, "");
  if (status < 500 || error instanceof OverloadedError) throw error;
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
