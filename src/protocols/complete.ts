import { type Generation, type Unprompted, type Wish, withDefaults } from "../generation/wish.ts";
import { type NamedFormat, refuseBareFormat } from "./format-words.ts";
import { resolveOffer, type SaidTools, type ToolOffer } from "./tools/offer.ts";

/** What a protocol has understood of a request for a turn of a conversation, beside its wish. */
export type Understood = {
  readonly tools: SaidTools;
  /** The form that the client wants its answer to have. */
  readonly format: NamedFormat | undefined;
};

export type Completed<Made> = { readonly generation: Made; readonly offer: ToolOffer };

/**
 * What to generate for a wish to which nothing is added any more, and what of its tools the model is offered. Throws `InvalidRequestError`
 * for what doesn't go together.
 */
export function complete(understood: Understood, wish: Wish): Completed<Generation>;
export function complete(understood: Understood, wish: Unprompted): Completed<Omit<Generation, "prompt">>;
export function complete({ tools, format }: Understood, wish: Unprompted): Completed<Omit<Generation, "prompt">> {
  const offer = resolveOffer(tools, wish);
  if (offer.use !== undefined && offer.use.choice !== "none") refuseBareFormat(format);
  return { generation: withDefaults(wish, offer.use), offer };
}
