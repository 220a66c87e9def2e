import type { ModelReport } from "../../store/comparison-report.ts";
import { speedOf } from "./verdict.ts";

/** How bad a model is and how fast. */
export type Spot = { readonly id: string; readonly loss: number; readonly speed: number };

export type Spots = {
  readonly measure: "divergence" | "bits per byte";
  readonly spots: readonly Spot[];
};

/** Places models by their loss and their decode rate. The loss is the KL divergence where all have one, else the bits per byte. */
export function placeModels(models: readonly ModelReport[]): Spots {
  const judged = models.flatMap(({ id, quality, points }) =>
    quality === undefined || points.length === 0 ? [] : [{ id, quality, speed: speedOf({ points }).value }],
  );
  const isDivergence = judged.length > 0 && judged.every(({ quality }) => quality.divergence !== undefined);
  return {
    measure: isDivergence ? "divergence" : "bits per byte",
    spots: judged.map(({ id, quality, speed }) => ({
      ...{ id, speed },
      loss: (isDivergence ? quality.divergence?.value : undefined) ?? quality.bitsPerByte.value,
    })),
  };
}

/** Those that no other beats: none is as good and faster, or as fast and better. The fastest first. */
export function findFront(spots: readonly Spot[]): readonly Spot[] {
  const isBeaten = (spot: Spot) =>
    spots.some(
      ({ loss, speed }) => loss <= spot.loss && speed >= spot.speed && (loss < spot.loss || speed > spot.speed),
    );
  return spots.filter((spot) => !isBeaten(spot)).toSorted((a, b) => b.speed - a.speed);
}
