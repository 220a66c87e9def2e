import type { ModelReport, Report } from "../../../src/store/comparison-report.ts";

const exactly = (value: number) => ({ value, low: value, high: value });

/** A model that generates `speed` tokens per second, and whose perplexity is above the best by `rise`. */
export function modelOf(
  id: string,
  given: {
    readonly speed: number;
    readonly sizeBytes: number;
    readonly rise?: number | { readonly value: number; readonly low: number; readonly high: number };
    readonly divergence?: number;
    readonly speedRange?: readonly [low: number, high: number];
  },
): ModelReport {
  const { speed, sizeBytes, rise = 0, divergence, speedRange: [low, high] = [speed, speed] } = given;
  return {
    ...{ id, sizeBytes, parameterCount: 1e9, bitsPerWeight: sizeBytes / 1e9 / 8, memoryBytes: sizeBytes, loadMs: 500 },
    points: [{ tokens: 512, prefill: exactly(10 * speed), decode: { value: speed, low, high } }],
    quality: {
      perplexity: exactly(10),
      bitsPerByte: exactly(1 + (typeof rise === "number" ? rise : rise.value)),
      rise: typeof rise === "number" ? exactly(rise) : rise,
      ...(divergence !== undefined && { divergence: exactly(divergence), agreement: exactly(1 - divergence) }),
    },
    notes: [],
  };
}

export function reportOf(models: readonly ModelReport[], more: Partial<Report> = {}): Report {
  return {
    createdMs: 0,
    machine: { processor: "A processor", cores: 2, threads: 2, backend: "cpu", release: "v0.5.0" },
    disturbance: { busyShare: 0, loadAverage: 0 },
    isQuiet: true,
    repeats: 3,
    text: { name: "a text", tokens: 4096, scored: 2040 },
    reference: models[0]?.id ?? "none",
    models: [...models],
    verdict: { take: null, sentence: "There is nothing to choose." },
    ...more,
  };
}
