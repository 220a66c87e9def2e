import { type Prefix, type Prompt, reusableTokens } from "./prefix.ts";
import type { StoredPrefix } from "./prefix-store.ts";

/** A place in the KV cache. It keeps its tokens when a sequence ends, for the next one with the same prefix. */
export type Slot = {
  readonly index: number;
  tokens: number[];
  promptTokens: number;
  exactTokens: number;
  headTokens: number;
  /** The admission counter when it was last given to a sequence. */
  lastUsed: number;
};

/** The slot of a sequence, and the source of its prompt's prefix. */
export type Placement = {
  readonly slot: Slot;
  /** How many of the prompt's first tokens are reused. */
  readonly keep: number;
  readonly source:
    | { readonly type: "slot itself" }
    | { readonly type: "other slot"; readonly slot: Slot }
    | { readonly type: "stored"; readonly prefix: StoredPrefix };
};

export type PlacementQuestion = {
  readonly prompt: Prompt;
  readonly slots: readonly Slot[];
  /** The slots without a running sequence. */
  readonly free: readonly Slot[];
  readonly stored: readonly StoredPrefix[];
  /** Whether the old content of a slot is stored and can be loaded again. */
  readonly storing: boolean;
  readonly chunkTokens: number;
  /** The admission counter, at least every slot's `lastUsed`. */
  readonly now: number;
};

/**
 * The cost of copying, storing or loading a prefix, as the number of tokens evaluated in the same time. Measured with SmolLM2 135M on two
 * cores: copying 600 tokens takes as long as evaluating about 2; storing or loading them, about 5.
 */
const TRANSFER_FIXED_TOKENS = 8;
const TRANSFER_PER_TOKEN = 0.01;

/**
 * Picks the slot and the prefix with the least cost: tokens to evaluate, plus the transfer of a prefix from elsewhere, plus the value of what
 * the slot loses.
 *
 * Content that is lost without being stored counts in full if it was just used, and half as much for every round of the slots since. Among
 * equal costs, the lowest index wins, because llama.cpp evaluates consecutive slots together.
 *
 * @returns undefined if no slot is free
 */
export function choosePlacement(question: PlacementQuestion): Placement | undefined {
  const { prompt, slots, free, stored, chunkTokens } = question;
  if (free.length === 0) return undefined;
  const elsewhere: Elsewhere[] = [
    ...slots.map((slot) => ({ source: { type: "other slot", slot } as const, prefix: slot })),
    ...stored.map((prefix) => ({ source: { type: "stored", prefix } as const, prefix })),
  ].map(({ source, prefix }) => {
    const keep = reusableTokens(prefix, prompt, chunkTokens);
    return { source, keep, saved: keep - transferCost(prefix) };
  });
  const { source, keep, saved } = elsewhere.reduce((best, each) => (each.saved > best.saved ? each : best));

  const options = free.flatMap((slot) => {
    const held = reusableTokens(slot, prompt, chunkTokens);
    const inPlace = {
      slot,
      keep: held,
      source: { type: "slot itself" } as const,
      gain: held - lossCost(slot, held, question),
    };
    const isItself = source.type === "other slot" && source.slot === slot;
    return isItself ? [inPlace] : [inPlace, { slot, keep, source, gain: saved - lossCost(slot, 0, question) }];
  });
  return options.reduce((best, each) =>
    each.gain > best.gain || (each.gain === best.gain && each.slot.index < best.slot.index) ? each : best,
  );
}

type Elsewhere = {
  readonly source: Placement["source"];
  readonly keep: number;
  /** The tokens saved, minus the cost of the transfer. */
  readonly saved: number;
};

function transferCost({ tokens }: Prefix): number {
  return TRANSFER_FIXED_TOKENS + tokens.length * TRANSFER_PER_TOKEN;
}

function lossCost(slot: Slot, kept: number, { storing, now, slots }: PlacementQuestion): number {
  const lost = slot.tokens.length - kept;
  if (lost === 0) return 0;
  const worth = lost * 0.5 ** ((now - slot.lastUsed) / slots.length);
  return storing ? Math.min(worth, transferCost(slot)) : worth;
}
