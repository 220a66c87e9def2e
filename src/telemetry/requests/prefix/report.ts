import type { Comparison, Difference, Place } from "./compare.ts";

/** What the prefix doctor says of a request. */
export type PrefixReport =
  /** It has nothing to say: nothing was evaluated here, or it is off or had too much to do. */
  | { readonly type: "unknown"; readonly reason: "busy" | "not_evaluated" }
  /** All of its prompt that was evaluated before was reused. */
  | { readonly type: "reused" }
  /** No recent prompt of its model is like it. */
  | { readonly type: "new" }
  /** It is like an earlier prompt, but for a place before most of what is the same. */
  | (Loss & { readonly type: "differs"; readonly place: Place; readonly difference: Difference })
  /** It begins as an earlier prompt did, and that was not held any more, or not yet. */
  | (Loss & { readonly type: "not_held"; readonly since: Since });

/** What was evaluated again. */
type Loss = {
  /** The earlier request. */
  readonly earlier: string;
  /** Tokens that could have been reused. */
  readonly tokens: number;
  /** What their evaluation took. */
  readonly ms: number;
};

/** Why a prefix was not held. */
export type Since =
  /** The earlier prompt was still being evaluated. */
  | { readonly type: "unfinished" }
  /** The model was loaded again after it. */
  | { readonly type: "loaded" }
  /** So many other requests had their turns in between. */
  | { readonly type: "others"; readonly count: number };

/** What is known of a request whose prompt is compared. */
export type Examined = {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** The length of the prompt, in characters. */
  readonly characters: number;
  readonly msPerToken: number;
};

/** What an earlier prompt has in common with it. */
export type Candidate = { readonly earlier: string; readonly comparison: Comparison; readonly since: () => Since };

/** Fewer tokens than this, or than this share of the prompt, are not worth a word. Templates add tokens that have no characters. */
const LEAST_TOKENS = 32;
const LEAST_SHARE = 0.08;

/** Chooses what cost most. */
export function reportOf(
  { promptTokens, cachedTokens, characters, msPerToken }: Examined,
  candidates: readonly Candidate[],
): PrefixReport {
  const tokensOf = (length: number) => (characters === 0 ? 0 : Math.round((length / characters) * promptTokens));
  const least = Math.max(LEAST_TOKENS, LEAST_SHARE * promptTokens);
  const evaluated = promptTokens - cachedTokens;
  let worst: PrefixReport | undefined;
  let mostTokens = 0;
  let isAlike = false;
  for (const { earlier, comparison, since } of candidates) {
    const { prefix, after, first } = comparison;
    const common = tokensOf(prefix);
    isAlike ||= common >= least;
    const unheld = Math.min(evaluated, common - cachedTokens);
    const misplaced = Math.min(evaluated, tokensOf(after));
    const lost = (tokens: number): Loss => ({ earlier, tokens, ms: Math.round(tokens * msPerToken) });
    if (unheld >= Math.max(least, mostTokens)) {
      mostTokens = unheld;
      worst = { type: "not_held", ...lost(unheld), since: since() };
    }
    if (first !== undefined && misplaced >= least && misplaced > mostTokens) {
      mostTokens = misplaced;
      worst = { type: "differs", ...lost(misplaced), ...first };
    }
  }
  return worst ?? { type: isAlike || cachedTokens >= least ? "reused" : "new" };
}
