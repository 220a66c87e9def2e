import type { ModelReport, Report } from "../../store/comparison-report.ts";
import { formatBytes } from "../units.ts";
import type { Estimate } from "./statistics.ts";

/** A rise of the perplexity that nobody notices. */
export const DEFAULT_WITHIN = 0.01;

/** A wider interval tells nothing: the text is too short. */
const WIDEST_TIE = 0.05;

/** Rates that differ by less are ties, however small the spread of the repeats. */
const LEAST_SPEED_GAIN = 0.03;

type Judged = ModelReport & { readonly quality: NonNullable<ModelReport["quality"]> };

/**
 * Which model to take. Those are good enough whose perplexity can't be told from that of the best, or is above it by `within` at most at the upper
 * end of the interval. Of these the fastest is taken, and the smallest of those that can't be told from it.
 *
 * @param reference the id of the model that the sentence compares with
 */
export function decide(models: readonly ModelReport[], reference: string, within = DEFAULT_WITHIN): Report["verdict"] {
  const judged = models.filter((model): model is Judged => model.quality !== undefined && model.points.length > 0);
  const base = judged.find(({ id }) => id === reference);
  if (judged.length < 2 || base === undefined) {
    return { take: null, sentence: "There is nothing to choose: name at least two models, or add --quantize." };
  }
  const good = judged.filter(({ quality }) => isGoodEnough(quality.rise, within));
  const fastest = good.reduce<Judged | undefined>(
    (best, model) => (best === undefined || speedOf(model).value > speedOf(best).value ? model : best),
    undefined,
  );
  if (fastest === undefined) {
    return {
      take: null,
      sentence: "The text is too short to tell which is good enough: give a longer one with --text, or more --tokens.",
    };
  }
  const taken = good
    .filter((model) => isSpeedTie(speedOf(model), speedOf(fastest)))
    .reduce((best, model) => (model.sizeBytes < best.sizeBytes ? model : best));
  return { take: taken.id, sentence: describe(taken, base, judged, within) };
}

function isGoodEnough({ low, high }: Estimate, within: number): boolean {
  return high <= within || (low <= 0 && high <= Math.max(within, WIDEST_TIE));
}

/** The decode rate at the largest context: what is waited for most, where models differ most. */
export function speedOf({ points }: Pick<ModelReport, "points">): Estimate {
  return points.at(-1)?.decode ?? { value: 0, low: 0, high: 0 };
}

function isSpeedTie(one: Estimate, fastest: Estimate): boolean {
  return one.high >= fastest.low || one.value >= fastest.value * (1 - LEAST_SPEED_GAIN);
}

function describe(taken: Judged, base: Judged, judged: readonly Judged[], within: number): string {
  const percent = formatPercent(within);
  if (taken.id === base.id) {
    const others = judged.filter(({ id }) => id !== base.id);
    const isFastEnough = others.some(({ quality }) => isGoodEnough(quality.rise, within));
    return isFastEnough
      ? `take ${base.id}: of those that are as good it is the fastest.`
      : `take ${base.id}: no other is within ${percent} of the best perplexity.`;
  }
  const { divergence, rise } = taken.quality;
  const quality =
    divergence === undefined
      ? `perplexity ${rise.low <= 0 ? "not told from" : `${formatPercent(rise.value)} above`} the best`
      : `KL ${divergence.value.toPrecision(2)} of ${base.id}`;
  const speed = speedOf(taken).value / speedOf(base).value;
  const saved = base.sizeBytes - taken.sizeBytes;
  const size = saved >= 0 ? `${formatBytes(saved)} less` : `${formatBytes(-saved)} more`;
  return `take ${taken.id}: ${quality}, ${speed.toFixed(1)} × as fast, ${size}.`;
}

export function formatPercent(share: number): string {
  const percent = share * 100;
  return `${Math.abs(percent) >= 10 ? percent.toFixed(0) : percent.toFixed(1)} %`;
}
