import { describe, expect, test } from "vitest";
import { findBans, type Vocabulary } from "../../../src/engine/llama/bans.ts";
import { samplerConfig } from "../../../src/engine/llama/sampling.ts";
import type { Sampling } from "../../../src/generation/request.ts";
import { PLAIN_SAMPLING } from "../../../src/generation/sampling.ts";

/** Tokens of words and parts of words; 0 ends an answer. */
const SPELLINGS = [
  "",
  " Paris",
  "Paris",
  " Par",
  "is",
  "ian",
  " the",
  " category",
  " cat",
  "at",
  " c",
  "!",
  "é".repeat(2),
];
const END = 0;

/** The longest token first, as far as it goes. */
function tokenize(text: string): number[] {
  const fit = SPELLINGS.map((spelling, token) => ({ spelling, token }))
    .filter(({ spelling }) => spelling !== "" && text.startsWith(spelling))
    .sort((a, b) => b.spelling.length - a.spelling.length)[0];
  return fit === undefined ? [] : [fit.token, ...tokenize(text.slice(fit.spelling.length))];
}

const vocabulary: Vocabulary = {
  vocabularySize: SPELLINGS.length,
  tokenize,
  bytes: (token) => [...Buffer.from(SPELLINGS[token] ?? "")],
  endTokens: [END],
};

const find = (fields: object, stopTokenIds?: readonly number[]) =>
  findBans(
    { sampling: { ...PLAIN_SAMPLING, seed: 1, ...fields }, ...(stopTokenIds !== undefined && { stopTokenIds }) },
    vocabulary,
  );

const idsOf = (...spellings: string[]) => spellings.map((spelling) => SPELLINGS.indexOf(spelling));

describe("the bans of a request", () => {
  test("are none if it requests none", () => {
    expect(find({})).toBeUndefined();
  });

  test("are the end tokens, the client's own included, until the output has its minimum length", () => {
    expect(find({ minTokens: 3 }, [5])).toMatchObject({ always: [], early: [END, 5] });
  });

  test("are always the model's end tokens with `ignoresEnd`", () => {
    expect(find({ ignoresEnd: true })).toMatchObject({ always: [END], early: [] });
  });

  test("are all other tokens if only some are allowed", () => {
    const { always } = find({ allowedTokenIds: [2, 4] }) ?? {};
    expect(always).toEqual(SPELLINGS.map((_, token) => token).filter((token) => token !== 2 && token !== 4));
  });
});

describe("a bad word", () => {
  const words = find({ badWords: ["Paris"] })?.words;
  const endsWord = (...spellings: string[]) => {
    const tokens = idsOf(...spellings);
    return words?.endsWord(tokens.slice(0, -1), tokens.at(-1) ?? 0);
  };

  test("is banned in its usual tokenization, alone and after a space", () => {
    expect(words?.next([])).toEqual(idsOf("Paris", " Paris"));
  });

  test("is found in any tokenization", () => {
    expect(endsWord(" the", " Paris")).toBe(true);
    expect(endsWord(" the", " Par", "is")).toBe(true);
    expect(endsWord("Paris")).toBe(true);
  });

  test("is not found in a longer word, before it is complete, or again in later text", () => {
    const cat = find({ badWords: ["cat"] })?.words;
    expect(cat?.endsWord([], SPELLINGS.indexOf(" category"))).toBe(false);
    expect(cat?.endsWord([], SPELLINGS.indexOf(" cat"))).toBe(true);
    expect(cat?.endsWord(idsOf(" c"), SPELLINGS.indexOf("at"))).toBe(true);
    expect(endsWord(" the", " Par")).toBe(false);
    expect(endsWord(" Paris", "!")).toBe(false);
  });

  test("with several tokens is banned at the last one, only after the others", () => {
    const two = find({ badWords: [" Paris!"] })?.words;
    const [paris = 0, bang = 0] = idsOf(" Paris", "!");
    expect(two?.next([])).toEqual([]);
    expect(new Set(two?.next([3, paris]))).toEqual(new Set([bang]));
  });

  test("may have characters of several bytes", () => {
    const accents = find({ badWords: ["éé"] })?.words;
    expect(accents?.endsWord(idsOf(" the", "!"), SPELLINGS.indexOf("éé"))).toBe(true);
  });
});

/** Another value of each part of a sampling, with which another token may be drawn. A part that is added needs a line here, or it does not compile. */
const OTHERS = {
  temperature: 0.7,
  topP: 0.5,
  topK: 2,
  minP: 0.2,
  repeatPenalty: 1.5,
  repeatLastTokens: 1,
  presencePenalty: -1,
  frequencyPenalty: -1,
  xtcProbability: 0.2,
  xtcThreshold: 0.3,
  logitBias: [[1, 2]],
  allowedTokenIds: [1, 2],
  badWords: ["Paris"],
  minTokens: 3,
  ignoresEnd: true,
  seed: 8,
} satisfies Sampling;

test.each(Object.entries(OTHERS))("%s affects sampling", (field, other) => {
  const base = { ...PLAIN_SAMPLING, seed: 1, repeatPenalty: 1.1, xtcProbability: 0.5 };
  function drawn(changed: object) {
    const sampling = { ...base, ...changed };
    const bans = findBans({ sampling }, vocabulary);
    const words = bans?.words?.next(idsOf(" Par"));
    return { config: samplerConfig(sampling, [1, 2], bans)([3, 4]), words };
  }
  expect(drawn({ [field]: other })).not.toEqual(drawn({}));
});
