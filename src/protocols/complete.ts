import { type Generation, type Unprompted, type Wish, withDefaults } from "../generation/wish.ts";
import { type NamedFormat, refuseBareFormat } from "./format-words.ts";
import { resolveOffer, type SaidTools, type ToolOffer } from "./tools/offer.ts";

/** The parts of a decoded request that are not in its wish. */
export type Understood = {
  readonly tools: SaidTools;
  /** The format that the client wants. */
  readonly format: NamedFormat | undefined;
};

export type Completed<Made> = { readonly generation: Made; readonly offer: ToolOffer };

/**
 * Turns a final wish into a generation, and returns the tools to offer the model. Throws `InvalidRequestError` for fields that can't be
 * combined.
 */
export function complete(understood: Understood, wish: Wish): Completed<Generation>;
export function complete(understood: Understood, wish: Unprompted): Completed<Omit<Generation, "prompt">>;
export function complete({ tools, format }: Understood, wish: Unprompted): Completed<Omit<Generation, "prompt">> {
  const offer = resolveOffer(tools, wish);
  if (offer.use !== undefined && offer.use.choice !== "none") refuseBareFormat(format);
  return { generation: withDefaults(wish, offer.use), offer };
}
