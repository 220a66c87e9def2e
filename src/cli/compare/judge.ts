import type { Quality } from "../../store/comparison-report.ts";
import type { Block, Scored } from "./quality.ts";
import { bootstrap, type Estimate } from "./statistics.ts";

/** With fewer blocks an interval says nothing. */
const LEAST_BLOCKS = 4;

/**
 * The quality of each model, with intervals; undefined for one that was not scored. Two models with the same tokens are compared block by block,
 * others by what they make of a byte of text.
 */
export function judge(scored: readonly Scored[]): readonly (Quality | undefined)[] {
  const usable = scored.filter(({ blocks }) => blocks.length >= LEAST_BLOCKS);
  if (usable.length === 0) return scored.map(() => undefined);
  const best = usable.reduce((one, other) => (lossPerByte(other.blocks) < lossPerByte(one.blocks) ? other : one));
  const bytesPerToken = total(best.blocks, "bytes") / total(best.blocks, "tokens");
  return scored.map((each) => {
    const { blocks, isCompared } = each;
    if (blocks.length < LEAST_BLOCKS) return undefined;
    const of = (statistic: (drawn: readonly Block[]) => number) =>
      bootstrap(blocks.length, (drawn) => statistic(pick(blocks, drawn)));
    return {
      perplexity: of((drawn) => Math.exp(total(drawn, "loss") / total(drawn, "tokens"))),
      bitsPerByte: of((drawn) => lossPerByte(drawn) / Math.LN2),
      rise: riseOf(each, best, bytesPerToken),
      ...(isCompared && {
        divergence: of((drawn) => total(drawn, "divergence") / total(drawn, "tokens")),
        agreement: of((drawn) => total(drawn, "agreed") / total(drawn, "tokens")),
      }),
    };
  });
}

function riseOf(one: Scored, best: Scored, bytesPerToken: number): Estimate {
  if (one === best) return { value: 0, low: 0, high: 0 };
  const rise = (own: readonly Block[], theirs: readonly Block[]) =>
    Math.exp((lossPerByte(own) - lossPerByte(theirs)) * bytesPerToken) - 1;
  if (one.isCompared && best.isCompared) {
    return bootstrap(one.blocks.length, (drawn) => rise(pick(one.blocks, drawn), pick(best.blocks, drawn)));
  }
  // Blocks of other tokens are not the same text, so both are drawn on their own.
  const value = rise(one.blocks, best.blocks);
  const variance = [one, best].reduce((sum, { blocks }, index) => {
    const { low, high } = bootstrap(blocks.length, (drawn) => lossPerByte(pick(blocks, drawn)), index + 1);
    return sum + (high - low) ** 2;
  }, 0);
  const half = (Math.sqrt(variance) / 2) * bytesPerToken;
  return { value, low: (1 + value) * Math.exp(-half) - 1, high: (1 + value) * Math.exp(half) - 1 };
}

function pick(blocks: readonly Block[], drawn: readonly number[]): readonly Block[] {
  return drawn.flatMap((index) => blocks[index] ?? []);
}

function lossPerByte(blocks: readonly Block[]): number {
  return total(blocks, "loss") / total(blocks, "bytes");
}

function total(blocks: readonly Block[], field: keyof Block): number {
  return blocks.reduce((sum, block) => sum + block[field], 0);
}
