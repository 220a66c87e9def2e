import type { Generation, Unprompted, Wish } from "../../src/generation/wish.ts";
import { type Completed, complete, type Understood } from "../../src/protocols/complete.ts";

/** What becomes of a request that no preset adds anything to. What was said of it has tests of its own. */
export function completed<Request extends Understood & { readonly wish: Wish }>(request: Request) {
  return joined(request, complete(request, request.wish));
}

/** The same of a request whose prompt comes later. */
export function completedWithoutPrompt<Request extends Understood & { readonly wish: Unprompted }>(request: Request) {
  return joined(request, complete(request, request.wish));
}

function joined<Request extends Understood & { readonly wish: Unprompted }, Made extends Omit<Generation, "prompt">>(
  request: Request,
  { generation: whole, offer }: Completed<Made>,
) {
  const { wish, tools, format, ...rest } = request;
  const { said, ...generation } = whole;
  return {
    ...rest,
    generation,
    toolLabels: offer.labels,
    toolPlaces: offer.places,
    droppedTools: offer.dropped,
  };
}
