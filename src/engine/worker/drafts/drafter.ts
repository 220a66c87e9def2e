import type { Batcher, Tokenizer } from "../../contract/native.ts";
import type { Work } from "../plan.ts";
import type { Sequence } from "../sequence.ts";
import { type Candidate, chooseDrafts, DRAFT_LENGTHS } from "./choice.ts";
import type { CallCosts } from "./costs.ts";
import { createLookup, type Lookup } from "./lookup.ts";

/** Adds drafts to decoding steps: guesses of the next tokens, which are all evaluated in the call that evaluates one token otherwise. */
export type Drafter = {
  /** Divides a decoding step into calls: one for the sequences without a draft, and one for those with a draft. */
  split(decodes: readonly Work[]): readonly (readonly Work[])[];
  /** Records how long a call took, with its samples. */
  record(call: readonly Work[], ms: number): void;
};

type DrafterOptions = {
  readonly costs: CallCosts;
  readonly batcher: Pick<Batcher, "contextTokens" | "maxBatchTokens">;
  readonly tokenizer: Pick<Tokenizer, "isEndOfGeneration">;
  /** From which position on a greedy answer may have other last digits (docs/decisions/007-exactness.md). */
  readonly greedyFrom: number;
};

/** For the size of an index: the length of an answer without a limit. */
const USUAL_TOKENS = 1024;
const [LONGEST] = DRAFT_LENGTHS;

export function createDrafter({ costs, batcher, tokenizer, greedyFrom }: DrafterOptions): Drafter {
  const followed = new WeakMap<Sequence, { readonly lookup: Lookup; pushed: number }>();

  /** Whether rounding in another way is allowed for the next tokens, and all of them are to be sampled. */
  function mayDraft({ sequence, slot, wantLogits }: Work): boolean {
    const { exactness, request, prompt, output } = sequence;
    if (!wantLogits || exactness === "exact" || request.replay.length > output.length) return false;
    if (slot.tokens.length !== prompt.length + output.length - 1) return false;
    return exactness === "free" || slot.tokens.length >= greedyFrom;
  }

  /** The predictions for a sequence, with all tokens so far. */
  function follow(sequence: Sequence): Lookup {
    const { request, prompt, output } = sequence;
    const known = followed.get(sequence) ?? {
      lookup: createLookup(prompt, Math.min(request.maxTokens ?? USUAL_TOKENS, batcher.contextTokens)),
      pushed: 0,
    };
    followed.set(sequence, known);
    for (; known.pushed < output.length; known.pushed++) known.lookup.push(output[known.pushed] ?? 0);
    return known.lookup;
  }

  /** The longest draft that leaves room for the token after it, without an end token. */
  function propose({ sequence: { request, output }, slot }: Work, lookup: Lookup): readonly number[] {
    const beforeLimit = (request.maxTokens ?? Number.POSITIVE_INFINITY) - output.length - 1;
    const inContext = batcher.contextTokens - slot.tokens.length - 2;
    const proposed = lookup.propose(Math.max(0, Math.min(LONGEST, beforeLimit, inContext)));
    const end = proposed.findIndex((token) => tokenizer.isEndOfGeneration(token));
    return end < 0 ? proposed : proposed.slice(0, end);
  }

  return {
    split(decodes) {
      const drafts = new Map<Candidate, { readonly item: Work; readonly proposed: readonly number[] }>();
      for (const item of decodes) {
        if (!mayDraft(item)) continue;
        const lookup = follow(item.sequence);
        const proposed = propose(item, lookup);
        if (proposed.length > 0) {
          drafts.set({ available: proposed.length, expect: (length) => lookup.expect(length) }, { item, proposed });
        }
      }
      if (drafts.size === 0) return [decodes];
      const { length, drafting } = chooseDrafts([...drafts.keys()], decodes.length, costs, batcher.maxBatchTokens);
      if (length === 0) return [decodes];
      const drafted = new Map<Work, Work>();
      for (const candidate of drafting) {
        const draft = drafts.get(candidate);
        if (draft === undefined) continue;
        const { item, proposed } = draft;
        drafted.set(item, { ...item, tokens: [...item.tokens, ...proposed.slice(0, length)], isDraft: true });
      }
      const plain = decodes.filter((item) => !drafted.has(item));
      const withDrafts = decodes.flatMap((item) => drafted.get(item) ?? []);
      return plain.length === 0 ? [withDrafts] : [plain, withDrafts];
    },
    record(call, ms) {
      if (call.some(({ isDraft }) => isDraft === true)) {
        costs.recordDraft(
          call.reduce((sum, { tokens }) => sum + tokens.length, 0),
          ms,
        );
      } else costs.recordPlain(call.length, ms);
    },
  };
}
