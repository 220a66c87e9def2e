import type { ModelReport, Report } from "../../store/comparison-report.ts";
import { formatBytes } from "../units.ts";
import type { Estimate } from "./statistics.ts";

/** A rise of the perplexity that nobody notices. */
export const DEFAULT_WITHIN = 0.01;

/** Rates that differ by less are ties, however small the spread of the repeats. */
const LEAST_SPEED_GAIN = 0.03;

type Judged = ModelReport & { readonly quality: NonNullable<ModelReport["quality"]> };

/**
 * Which model to take. Those are good enough whose perplexity is above the best by `within` at most at the upper end of the interval. Of these the
 * fastest is taken, and the smallest of those that can't be told from it. None is taken if it depends on a model whose interval has `within` inside.
 *
 * @param reference the id of the model that the sentence compares with
 */
export function decide(models: readonly ModelReport[], reference: string, within = DEFAULT_WITHIN): Report["verdict"] {
  const judged = models.filter((model): model is Judged => model.quality !== undefined && model.points.length > 0);
  const base = judged.find(({ id }) => id === reference);
  if (judged.length < 2 || base === undefined) {
    return { take: null, sentence: "There is nothing to choose: name at least two models, or add --quantize." };
  }
  const good = judged.filter((model) => isGood(model, within));
  const possible = judged.filter((model) => !isWorse(model, within));
  const fastest = fastestOf(good);
  const taken = fastest && smallestBeside(fastest, good);
  const isSure =
    fastest !== undefined &&
    taken !== undefined &&
    // An uncertain model that is good may be the fastest, or the smallest beside the fastest.
    possible.every(
      (leader) => speedOf(leader).value < speedOf(fastest).value || smallestBeside(leader, possible) === taken,
    );
  if (isSure) return { take: taken.id, sentence: describe(taken, base, judged, within) };
  const open = possible.filter((model) => !good.includes(model)).map(({ id }) => id);
  const percent = formatPercent(within);
  if (open.length === 0) return { take: null, sentence: `No model with rates is within ${percent} of the best.` };
  return {
    take: null,
    sentence: `The text is too short to tell whether ${open.join(", ")} ${open.length > 1 ? "are" : "is"} within ${percent} of the best: give a longer one with --text, or more --tokens.`,
  };
}

function isGood({ quality }: Judged, within: number): boolean {
  return quality.rise.high <= within;
}

function isWorse({ quality }: Judged, within: number): boolean {
  return quality.rise.low > within;
}

function fastestOf(models: readonly Judged[]): Judged | undefined {
  return models.reduce<Judged | undefined>(
    (best, model) => (best === undefined || speedOf(model).value > speedOf(best).value ? model : best),
    undefined,
  );
}

/** The smallest of those that are not faster than `leader` and can't be told from it. */
function smallestBeside(leader: Judged, models: readonly Judged[]): Judged {
  const fastest = speedOf(leader);
  return models
    .filter((model) => speedOf(model).value <= fastest.value && isSpeedTie(speedOf(model), fastest))
    .reduce((best, model) => (model.sizeBytes < best.sizeBytes ? model : best), leader);
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
    if (others.every((model) => isWorse(model, within)))
      return `take ${base.id}: no other is within ${percent} of the best perplexity.`;
    return others.some((model) => isGood(model, within))
      ? `take ${base.id}: of those that are as good it is the fastest.`
      : `take ${base.id}: no other that may be as good is faster.`;
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
