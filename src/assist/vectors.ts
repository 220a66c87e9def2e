import { rankByWords } from "./bm25.ts";
import { type Rank, textOf } from "./search.ts";
import type { VectorStore } from "./vector-store.ts";

/** More vectors are not computed for one question: it has somebody waiting. */
const MAX_CHUNKS = 1_000;
const BATCH = 32;
/** Ranks of both kinds are added as 1 / (60 + rank): Cormack, Clarke and Büttcher, Reciprocal Rank Fusion (2009). */
const FUSION = 60;

export type Embed = (texts: readonly string[]) => Promise<readonly Float32Array[]>;

/**
 * Ranks by what texts mean and by their words: names are found by words, and ideas by vectors. Of a large repository only the chunks that have words
 * of the question get a vector, then others as far as there is time.
 */
export function rankByMeaning(embed: Embed, store: VectorStore, onProgress: (done: number, all: number) => void): Rank {
  return async (chunks, question) => {
    const texts = chunks.map(textOf);
    const byWords = rankByWords(texts, question).map(({ index }) => index);
    const candidates = [...new Set([...byWords, ...chunks.keys()])].slice(0, MAX_CHUNKS);
    const [asked] = await embed([question]);
    if (asked === undefined) return byWords;
    try {
      await addVectors(
        candidates.flatMap((index) => texts[index] ?? []),
        embed,
        store,
        onProgress,
      );
    } finally {
      // Also what was computed before a Ctrl+C.
      await store.save();
    }
    const byVectors = candidates
      .map((index) => ({ index, score: cosine(asked, store.get(texts[index] ?? "")) }))
      .sort((a, b) => b.score - a.score)
      .map(({ index }) => index);
    return fuse([byWords, byVectors]);
  };
}

async function addVectors(
  texts: readonly string[],
  embed: Embed,
  store: VectorStore,
  onProgress: (done: number, all: number) => void,
): Promise<void> {
  const missing = texts.filter((text) => store.get(text) === undefined);
  for (let at = 0; at < missing.length; at += BATCH) {
    onProgress(at, missing.length);
    const batch = missing.slice(at, at + BATCH);
    for (const [index, vector] of (await embed(batch)).entries()) store.set(batch[index] ?? "", vector);
  }
  onProgress(missing.length, missing.length);
}

function cosine(a: Float32Array, b: Float32Array | undefined): number {
  if (b === undefined || a.length !== b.length) return -1;
  let [product, ofA, ofB] = [0, 0, 0];
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    product += value * other;
    ofA += value * value;
    ofB += other * other;
  }
  return product / (Math.sqrt(ofA * ofB) || 1);
}

function fuse(rankings: readonly (readonly number[])[]): readonly number[] {
  const scores = new Map<number, number>();
  for (const ranking of rankings) {
    for (const [rank, index] of ranking.entries()) scores.set(index, (scores.get(index) ?? 0) + 1 / (FUSION + rank));
  }
  return [...scores].sort(([, a], [, b]) => b - a).map(([index]) => index);
}
