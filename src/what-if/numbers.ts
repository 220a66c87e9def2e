/** Returns a number in [0, 1) at each call. */
export type Random = () => number;

/** Mulberry32 (public domain, Tommy Ettinger): the same numbers for the same seed, on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The value below which `share` of the values lie, interpolated between neighbours (type 7 of Hyndman and Fan, the default of R and
 * NumPy). NaN without values.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) return Number.NaN;
  // Also if both are infinite.
  if (below === above) return below;
  return below + (above - below) * (position - Math.floor(position));
}
