import type { SampledToken, ScoredToken } from "../contract/messages.ts";
import type { Score, Tokenizer, TokenScores } from "../contract/native.ts";

/** The log-probabilities of tokens whose text was not sent yet. */
export type HeldLogprobs = {
  /** Adds the next token's. `textChars` is the length of its text: 0 while a character is incomplete. */
  push(logprob: SampledToken, textChars: number): void;
  /** Called after `textChars` more characters were sent. Returns those of the tokens whose text was sent completely. */
  show(textChars: number): SampledToken[];
  /** Called at a stop string, after which nothing is sent. Returns those of the tokens whose text was sent partly. */
  cut(): SampledToken[];
  /** Called when all text was sent. Returns the rest. */
  flush(): SampledToken[];
};

type Held = {
  readonly logprob: SampledToken;
  /** The positions of its text in the whole text; the end is undefined while a character is incomplete. */
  readonly start: number;
  end: number | undefined;
};

/**
 * Holds log-probabilities back until their text is sent, so that those of a stop string are never sent, and those of half a character only
 * with the other half.
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

/** Adds the bytes of the tokens to scores. */
export function describeScores({ top, ...chosen }: TokenScores, tokenizer: Tokenizer): SampledToken {
  const describe = ({ token, logprob }: Score): ScoredToken => ({ token, logprob, bytes: tokenizer.bytes(token) });
  return { ...describe(chosen), top: top.map(describe) };
}
