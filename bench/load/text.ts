import { type Random, seededRandom } from "../statistics.ts";

/** Words of everyday English, by their place in a sentence. What a model's vocabulary lacks as one token is left out when it is used. */
export const LEXICON = {
  adjectives: words(
    "old small quiet bright heavy green early strange simple open warm dark long young fresh broken clean distant empty famous gentle",
  ),
  nouns: words(
    "river house garden teacher window road market letter engine mountain story bridge doctor village ship winter library table forest farmer city island painter door school family morning machine paper kitchen light train field castle box station clock lake valley road artist boat ring hill lamp shop wall bird horse stone",
  ),
  verbs: words(
    "found watched carried crossed opened followed painted visited remembered left reached moved studied saved passed changed kept built described heard",
  ),
  places: words("near behind beside under above beyond before after without toward"),
} as const;

export type Lexicon = { readonly [Kind in keyof typeof LEXICON]: readonly string[] };

/** Writes sentences whose length in tokens is known beforehand. */
export type Writer = {
  /** Text of exactly this many tokens, never the same twice. It begins with "The", since not every word is one token without a space. */
  passage(tokens: number): string;
};

/**
 * A writer of sentences such as "The old teacher painted the bridge near the quiet lake." in which each word and each full stop is one
 * token. The same seed writes the same text. Every passage is unlike any other from its second word on, so that no server can have it
 * in a cache.
 */
export function createWriter(lexicon: Lexicon, seed: number): Writer {
  const random = seededRandom(seed);
  return {
    passage(tokens) {
      const written = ["The"];
      while (written.length < tokens) written.push(...sentence(lexicon, random));
      return written.slice(0, tokens).join(" ").replaceAll(" .", ".");
    },
  };
}

function sentence(lexicon: Lexicon, random: Random): readonly string[] {
  const { adjectives, nouns, verbs, places } = lexicon;
  const phrase = () => [pick(adjectives, random), pick(nouns, random)];
  return [...phrase(), pick(verbs, random), "the", ...phrase(), pick(places, random), "the", ...phrase(), ".", "The"];
}

function pick(choices: readonly string[], random: Random): string {
  const choice = choices[Math.floor(random() * choices.length)];
  if (choice === undefined) throw new Error("a writer needs at least one word of each kind");
  return choice;
}

/** Only the words that are one token after a space in the model's vocabulary. */
export function keepSingleTokens(lexicon: Lexicon, isSingleToken: (word: string) => boolean): Lexicon {
  const { adjectives, nouns, verbs, places } = lexicon;
  return {
    adjectives: adjectives.filter(isSingleToken),
    nouns: nouns.filter(isSingleToken),
    verbs: verbs.filter(isSingleToken),
    places: places.filter(isSingleToken),
  };
}

/** A number for a text, for use as a seed (FNV-1a, 32 bits). */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

function words(text: string): readonly string[] {
  return text.split(" ");
}
