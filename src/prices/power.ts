import type { CostOf } from "../generation/cost.ts";

/** What this machine costs while its engine computes. 0 stands for unknown. */
export type LocalPrices = {
  /** Its power while it computes. */
  readonly localWatts: number;
  /** In US dollars. */
  readonly pricePerKwh: number;
  readonly pricePerHour: number;
};

const JOULES_PER_KWH = 3_600_000;
const MS_PER_HOUR = 3_600_000;

/**
 * What work of an engine on this machine costs: its energy, as measured, else as `localWatts` × time, and its time. Undefined if the settings
 * say nothing of it and nothing is measured: a made-up number would look like a measured one.
 */
export function costHere({ localWatts, pricePerKwh, pricePerHour }: LocalPrices): CostOf {
  return ({ computeMs, joules: measured }) => {
    if (computeMs === undefined) return undefined;
    const joules = measured ?? (localWatts > 0 ? (localWatts * computeMs) / 1_000 : undefined);
    const ofEnergy = joules !== undefined && pricePerKwh > 0 ? (joules / JOULES_PER_KWH) * pricePerKwh : undefined;
    const ofTime = pricePerHour > 0 ? (computeMs / MS_PER_HOUR) * pricePerHour : undefined;
    const isPriced = ofEnergy !== undefined || ofTime !== undefined;
    if (joules === undefined && !isPriced) return undefined;
    return {
      ...(isPriced && { money: (ofEnergy ?? 0) + (ofTime ?? 0) }),
      ...(joules !== undefined && { energy: { joules, isEstimate: measured === undefined } }),
    };
  };
}
