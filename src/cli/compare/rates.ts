import type { Measured } from "../../engine/host/measure.ts";
import type { ModelReport } from "../../store/comparison-report.ts";
import { median, spread } from "./statistics.ts";

/** The tokens that are generated after each prompt. */
const DECODE_TOKENS = 32;

/** What a context needs besides its prompts: what is generated after each of them. */
export function roomFor(contexts: readonly number[]): number {
  return contexts.reduce((largest, context) => Math.max(largest, context), 0) + DECODE_TOKENS * contexts.length;
}

/** The contexts that a model has room for. */
export function contextsWithin(contexts: readonly number[], trainContextTokens: number): readonly number[] {
  const sorted = [...new Set(contexts)].toSorted((a, b) => a - b);
  return sorted.filter((_, index) => roomFor(sorted.slice(0, index + 1)) <= trainContextTokens);
}

type Turn = Awaited<ReturnType<Measured["rates"]>> & { readonly loadMs: number };

export type Rates = Pick<ModelReport, "loadMs" | "points" | "joules" | "memoryBytes"> & Pick<Measured, "info">;

/**
 * Measures models in turns, one of them in memory at a time. What disturbs for a while then disturbs all of them.
 *
 * @param open loads a model with room for `roomFor(contexts)` tokens
 * @param contextsOf the contexts to measure a model at
 * @param onTurn called before each turn
 */
export async function measureRates<Model>(
  models: readonly Model[],
  options: {
    readonly repeats: number;
    readonly open: (model: Model) => Promise<Measured>;
    readonly contextsOf: (model: Model) => readonly number[];
    readonly onTurn: (model: Model, round: number) => void | Promise<void>;
  },
): Promise<readonly Rates[]> {
  const turns = models.map((): Turn[] => []);
  const infos: Measured["info"][] = [];
  for (let round = 0; round < options.repeats; round++) {
    for (let step = 0; step < models.length; step++) {
      // Each round begins with another one, so that none is always the first.
      const index = (step + round) % models.length;
      const model = models[index];
      if (model === undefined) continue;
      await options.onTurn(model, round);
      await using measured = await options.open(model);
      infos[index] = measured.info;
      const rates = await measured.rates(options.contextsOf(model), DECODE_TOKENS);
      turns[index]?.push({ ...rates, loadMs: measured.info.loadMs });
    }
  }
  return turns.flatMap((own, index) => {
    const info = infos[index];
    return info === undefined ? [] : [{ info, ...summarize(own) }];
  });
}

function summarize(turns: readonly Turn[]): Omit<Rates, "info"> {
  const [first] = turns;
  const joules = turns.flatMap((turn) => (turn.joules === undefined ? [] : [turn.joules]));
  const generated = DECODE_TOKENS * (first?.points.length ?? 0);
  return {
    loadMs: median(turns.map(({ loadMs }) => loadMs)),
    memoryBytes: median(turns.map(({ memoryBytes }) => memoryBytes)),
    points: (first?.points ?? []).map(({ context }, index) => {
      const points = turns.flatMap((turn) => turn.points[index] ?? []);
      return {
        tokens: context,
        prefill: spread(points.map(({ prefillMs }) => (context / prefillMs) * 1000)),
        decode: spread(points.map(({ decodeMs, decodeTokens }) => (decodeTokens / decodeMs) * 1000)),
      };
    }),
    ...(joules.length > 0 && generated > 0 && { joules: (median(joules) / generated) * 1000 }),
  };
}
