import type { SampledToken, ScoredToken } from "../contract/messages.ts";
import type { Score, Tokenizer, TokenScores } from "../contract/native.ts";

/** The log-probabilities of tokens whose text is not shown yet. */
export type HeldLogprobs = {
  /** Takes a token's, in the order of the tokens. `textChars` is how much text came with it: none while a character is cut. */
  push(logprob: SampledToken, textChars: number): void;
  /** So much more text was shown; returns the tokens' whose text is shown to its end by now. */
  show(textChars: number): SampledToken[];
  /** Nothing more is shown, because a stop string follows: returns the tokens' of which a part was shown. */
  cut(): SampledToken[];
  /** Everything is shown: returns all that were left. */
  flush(): SampledToken[];
};

type Held = {
  readonly logprob: SampledToken;
  /** Where its text begins, in characters of all text; where it ends, undefined while a character is cut. */
  readonly start: number;
  end: number | undefined;
};

/**
 * Keeps log-probabilities back until the text that they belong to is shown, so that a reader never has those of a stop string, and of
 * half a character only with the other half.
 */
export function createHeldLogprobs(): HeldLogprobs {
  let held: Held[] = [];
  let writtenChars = 0;
  let shownChars = 0;

  function takeWhile(condition: (each: Held) => boolean): SampledToken[] {
    const firstToStay = held.findIndex((each) => !condition(each));
    const taken = firstToStay < 0 ? held : held.slice(0, firstToStay);
    held = firstToStay < 0 ? [] : held.slice(firstToStay);
    return taken.map(({ logprob }) => logprob);
  }

  return {
    push(logprob, textChars) {
      held.push({ logprob, start: writtenChars, end: undefined });
      if (textChars === 0) return;
      writtenChars += textChars;
      for (const each of held) each.end ??= writtenChars;
    },
    show(textChars) {
      shownChars += textChars;
      return takeWhile(({ end }) => end !== undefined && end <= shownChars);
    },
    cut() {
      const shown = takeWhile(({ start }) => start < shownChars);
      held = [];
      return shown;
    },
    flush: () => takeWhile(() => true),
  };
}

/** Scores with their tokens' bytes. */
export function describeScores({ top, ...chosen }: TokenScores, tokenizer: Tokenizer): SampledToken {
  const describe = ({ token, logprob }: Score): ScoredToken => ({ token, logprob, bytes: tokenizer.bytes(token) });
  return { ...describe(chosen), top: top.map(describe) };
}
