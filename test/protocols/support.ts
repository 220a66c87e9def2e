import type { Generation, Unprompted, Wish } from "../../src/generation/wish.ts";
import { type Completed, complete, type Understood } from "../../src/protocols/complete.ts";

/** The generation of a request without a preset. The decoded tools have their own tests. */
export function completed<Request extends Understood & { readonly wish: Wish }>(request: Request) {
  return joined(request, complete(request, request.wish));
}

/** The same for a request whose prompt comes later. */
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
