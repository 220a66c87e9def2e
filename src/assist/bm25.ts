import { wordsOf, wordsOfQuestion } from "./words.ts";

/** The usual values: how soon more of the same word counts no more, and how much long texts are held back. */
const [K1, B] = [1.2, 0.75];

export type Ranked = { readonly index: number; readonly score: number };

/**
 * Ranks texts by the words of a question, the best first, without those that have none of them.
 * Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009).
 */
export function rankByWords(texts: readonly string[], question: string): readonly Ranked[] {
  const wanted = wordsOfQuestion(question);
  const counted = texts.map((text) => {
    const words = wordsOf(text);
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    return { length: words.length, counts: wanted.map((word) => counts.get(word) ?? 0) };
  });
  const mean = counted.reduce((sum, { length }) => sum + length, 0) / Math.max(1, counted.length) || 1;
  const weights = wanted.map((_, at) => {
    const having = counted.filter(({ counts }) => (counts[at] ?? 0) > 0).length;
    return Math.log(1 + (counted.length - having + 0.5) / (having + 0.5));
  });
  return counted
    .map(({ length, counts }, index) => ({
      index,
      score: counts.reduce(
        (sum, count, at) =>
          sum + ((weights[at] ?? 0) * count * (K1 + 1)) / (count + K1 * (1 - B + (B * length) / mean)),
        0,
      ),
    }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.index - b.index);
}
