/** What one model has done for a request. */
export type Work = {
  /** Of these, `cached` were not evaluated again. */
  readonly prompt: number;
  readonly cached: number;
  readonly completion: number;
  /** This machine's engine: the time of its native calls, each shared among the sequences in it by their tokens. */
  readonly computeMs?: number;
  /** The energy of these calls, shared in the same way; absent if nothing measures it. */
  readonly joules?: number;
  /** What another server says that it costs, in US dollars. */
  readonly told?: number;
  /** It was done in a batch of another server, which may be cheaper. */
  readonly isBatch?: true;
};

/** What work costs. Unknown parts are absent. */
export type Cost = {
  /** In US dollars. */
  readonly money?: number;
  readonly energy?: { readonly joules: number; readonly isEstimate: boolean };
};

/** Returns what work costs; undefined if nothing is known of it. */
export type CostOf = (work: Work) => Cost | undefined;

/** Adds costs up. A part that one of them lacks is taken from the others. */
export function sumCosts(costs: readonly (Cost | undefined)[]): Cost | undefined {
  return costs.reduce<Cost | undefined>(
    (sum, cost) => (sum === undefined ? cost : cost && add(sum, cost)) ?? sum,
    undefined,
  );
}

function add(one: Cost, other: Cost): Cost {
  const money =
    one.money === undefined && other.money === undefined ? undefined : (one.money ?? 0) + (other.money ?? 0);
  const energies = [one.energy, other.energy].filter((energy) => energy !== undefined);
  return {
    ...(money !== undefined && { money }),
    ...(energies.length > 0 && {
      energy: {
        joules: energies.reduce((joules, energy) => joules + energy.joules, 0),
        isEstimate: energies.some(({ isEstimate }) => isEstimate),
      },
    }),
  };
}

/** The cost in a `usage`, by OpenRouter's name, and the energy. Nothing if they aren't known. */
export function encodeCost(cost: Cost | undefined): {
  readonly cost?: number;
  readonly energy?: { readonly joules: number; readonly estimated: boolean };
} {
  if (cost === undefined) return {};
  const { money, energy } = cost;
  return {
    ...(money !== undefined && { cost: money }),
    ...(energy !== undefined && { energy: { joules: energy.joules, estimated: energy.isEstimate } }),
  };
}
