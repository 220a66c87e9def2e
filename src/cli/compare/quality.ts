import { join } from "node:path";
import type { Measured } from "../../engine/host/measure.ts";

/** The tokens that are evaluated together. The second half is scored, which then has at least as much before it; llama-perplexity does the same. */
export const CHUNK_TOKENS = 512;

/** Neighbours that are drawn together for intervals. */
const BLOCK_TOKENS = 32;

/** The memory and disk for the rows of one call. A vocabulary of 256k tokens takes 1 MiB a row. */
const ROW_BYTES = 64 * 1024 * 1024;
const MAX_ROWS = 64;

/** The sums of neighbouring tokens. */
export type Block = {
  readonly tokens: number;
  /** In nats. */
  readonly loss: number;
  readonly bytes: number;
  /** In nats. */
  readonly divergence: number;
  readonly agreed: number;
};

/** What a model made of a text. */
export type Scored = {
  readonly blocks: readonly Block[];
  readonly tokens: number;
  /** Whether it was compared with the reference; the reference itself is. */
  readonly isCompared: boolean;
  /** Whether there was no room in the memory for it and the reference. */
  readonly isAlone?: boolean;
};

type Token = Omit<Block, "tokens">;

/**
 * How well models predict a text, evaluated side by side, so that the reference's logits need not be kept: a few rows at a time go through a file.
 * Those that make other tokens of the text than the reference are evaluated alone.
 *
 * @param folder for the rows
 * @param maxTokens how many tokens of the text are evaluated at most
 * @param onChunk called after each chunk, with the number of chunks
 * @returns of the reference first, then of the others in their order; without blocks if the text is shorter than a chunk
 */
export async function scoreText(
  reference: Measured,
  others: readonly Measured[],
  text: string,
  options: {
    readonly folder: string;
    readonly maxTokens: number;
    readonly onChunk: (done: number, all: number) => void;
  },
): Promise<readonly Scored[]> {
  const texts: Awaited<ReturnType<Measured["tokenize"]>>[] = [];
  for (const model of [reference, ...others]) texts.push(await model.tokenize(text));
  const [own] = texts;
  const isSame = (index: number): boolean =>
    [reference, ...others][index]?.info.vocabularyHash === reference.info.vocabularyHash &&
    texts[index]?.tokens.length === own?.tokens.length &&
    texts[index]?.tokens.every((token, at) => token === own?.tokens[at]) === true;
  const together = others.filter((_, index) => isSame(index + 1));
  const alone = others.filter((_, index) => !isSame(index + 1));
  const results = new Map<Measured, Scored>();
  const groups = [[reference, ...together], ...alone.map((model) => [model])];
  const chunksOf = ([model]: readonly Measured[]) =>
    Math.floor(
      Math.min(options.maxTokens, texts[[reference, ...others].indexOf(model ?? reference)]?.tokens.length ?? 0) /
        CHUNK_TOKENS,
    );
  const all = groups.reduce((sum, group) => sum + chunksOf(group), 0);
  let done = 0;
  for (const group of groups) {
    const [first] = group;
    const tokenized = texts[[reference, ...others].indexOf(first ?? reference)];
    if (first === undefined || tokenized === undefined) continue;
    const scored: Token[][] = group.map(() => []);
    for (let chunk = 0; chunk < chunksOf(group); chunk++) {
      const part = await scoreChunk(group, tokenized, chunk * CHUNK_TOKENS, join(options.folder, "rows"));
      for (const [index, tokens] of part.entries()) scored[index]?.push(...tokens);
      options.onChunk(++done, all);
    }
    for (const [index, model] of group.entries()) {
      const tokens = scored[index] ?? [];
      results.set(model, { blocks: toBlocks(tokens), tokens: tokens.length, isCompared: group === groups[0] });
    }
  }
  return [reference, ...others].map((model) => results.get(model) ?? { blocks: [], tokens: 0, isCompared: false });
}

async function scoreChunk(
  group: readonly Measured[],
  { tokens, bytes }: { readonly tokens: readonly number[]; readonly bytes: readonly number[] },
  from: number,
  rowFile: string,
): Promise<readonly (readonly Token[])[]> {
  const [first] = group;
  if (first === undefined) return [];
  const { beginning, vocabularySize } = first.info;
  // The token that begins a text takes the place of the chunk's first one.
  const begin = beginning === undefined ? from : from + 1;
  const half = from + CHUNK_TOKENS / 2;
  for (const model of group) {
    await model.begin();
    await model.read(tokens.slice(begin, half));
  }
  const rows = Math.max(1, Math.min(MAX_ROWS, Math.floor(ROW_BYTES / (4 * vocabularySize))));
  const scored: Token[][] = group.map(() => []);
  const last = from + CHUNK_TOKENS - 1;
  for (let at = half; at < last; at += rows) {
    const end = Math.min(last, at + rows);
    for (const [index, model] of group.entries()) {
      const { losses, divergences, agrees } = await model.score({
        tokens: tokens.slice(at, end),
        nextTokens: tokens.slice(at + 1, end + 1),
        ...(group.length > 1 && { rows: { path: rowFile, isReference: index === 0 } }),
      });
      for (const [offset, loss] of losses.entries()) {
        scored[index]?.push({
          ...{ loss, bytes: bytes[at + 1 + offset] ?? 0 },
          divergence: divergences?.[offset] ?? 0,
          agreed: (agrees?.[offset] ?? true) ? 1 : 0,
        });
      }
    }
  }
  return scored;
}

export function toBlocks(tokens: readonly Token[]): readonly Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < tokens.length; at += BLOCK_TOKENS) {
    const part = tokens.slice(at, at + BLOCK_TOKENS);
    const sum = (of: (token: Token) => number) => part.reduce((total, token) => total + of(token), 0);
    blocks.push({
      tokens: part.length,
      loss: sum(({ loss }) => loss),
      bytes: sum(({ bytes }) => bytes),
      divergence: sum(({ divergence }) => divergence),
      agreed: sum(({ agreed }) => agreed),
    });
  }
  return blocks;
}
