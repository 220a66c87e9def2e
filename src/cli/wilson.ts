/** An estimated share, and an interval that holds the true one in 95 of 100 cases. */
export type Share = { readonly share: number; readonly low: number; readonly high: number };

/** For 95 %. */
const Z = 1.959964;

/** Wilson's interval, which holds for few trials too. https://www.jstor.org/stable/2276774 */
export function wilson(successes: number, trials: number): Share {
  if (trials === 0) return { share: 0, low: 0, high: 1 };
  const share = successes / trials;
  const spread = 1 + Z ** 2 / trials;
  const middle = (share + Z ** 2 / (2 * trials)) / spread;
  const half = (Z / spread) * Math.sqrt((share * (1 - share)) / trials + Z ** 2 / (4 * trials ** 2));
  return { share, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/** Such as `71 % [66, 75]`. */
export function formatShare({ share, low, high }: Share): string {
  const [middle, from, to] = [share, low, high].map((part) => Math.round(100 * part));
  return `${middle} % [${from}, ${to}]`;
}
