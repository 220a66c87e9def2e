/** One replica of a model, as far as a request's place depends on it. */
export type Place = {
  /** Whether it has died and is not back. */
  readonly isDown: boolean;
  /** When the first token of the request is likely to come there, with what it holds of the prompt, in ms. */
  readonly firstTokenMs: number;
  /** The share of the prompt that it holds, from 0 to 1. */
  readonly heldShare: number;
  /** Requests that it works on or that wait for it, for each of its slots. */
  readonly load: number;
};

/** A first token that comes later by less than this is as good: estimates are not more precise. */
const NEAR_SHARE = 0.1;
export const NEAR_MS = 10;

/**
 * The replica that a request goes to, by its index: where its first token is likely to come first. That is where most of its prompt is held, unless
 * the wait there is longer than evaluating it elsewhere takes. Of several that are about as good, the least busy, then the one that holds most.
 */
export function choosePlace(places: readonly Place[]): number {
  const all = places.map((place, index) => ({ ...place, index }));
  const up = all.filter(({ isDown }) => !isDown);
  const among = up.length > 0 ? up : all;
  const soonestMs = Math.min(...among.map(({ firstTokenMs }) => firstTokenMs));
  const [first] = among
    .filter(({ firstTokenMs }) => firstTokenMs <= soonestMs * (1 + NEAR_SHARE) + NEAR_MS)
    .sort(
      (one, other) => one.load - other.load || other.heldShare - one.heldShare || one.firstTokenMs - other.firstTokenMs,
    );
  return first?.index ?? 0;
}
