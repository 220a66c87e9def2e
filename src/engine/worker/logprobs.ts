import type { SampledLogprob, TokenLogprob } from "../../generation/event.ts";
import type { Score, Tokenizer, TokenScores } from "./backend.ts";

/** The log-probabilities of tokens whose text is not shown yet. */
export type HeldLogprobs = {
  /** Takes a token's, in the order of the tokens. `textChars` is how much text came with it: none while a character is cut. */
  push(logprob: SampledLogprob, textChars: number): void;
  /** So much more text was shown; returns the tokens' whose text is shown to its end by now. */
  show(textChars: number): SampledLogprob[];
  /** Nothing more is shown, because a stop string follows: returns the tokens' of which a part was shown. */
  cut(): SampledLogprob[];
  /** Everything is shown: returns all that were left. */
  flush(): SampledLogprob[];
};

type Held = {
  readonly logprob: SampledLogprob;
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

  function takeWhile(condition: (each: Held) => boolean): SampledLogprob[] {
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
export function describeScores({ top, ...chosen }: TokenScores, tokenizer: Tokenizer): SampledLogprob {
  const describe = ({ token, logprob }: Score): TokenLogprob => ({ token, logprob, bytes: tokenizer.bytes(token) });
  return { ...describe(chosen), top: top.map(describe) };
}
