import type { Random } from "../statistics.ts";

/** Whose client: of the key that asks for nearly everything, or of the one that asks for a little now and then. */
export type Kind = "greedy" | "polite";

/** A client that comes whatever has become of those before it. */
export type PlannedClient = {
  /** In ms from the beginning. */
  readonly atMs: number;
  readonly kind: Kind;
};

/** The moments of a Poisson process with so many events a second, in ms from 0 until `durationMs`, in order. */
export function poissonMs(random: Random, perSecond: number, durationMs: number): readonly number[] {
  const moments: number[] = [];
  if (perSecond <= 0) return moments;
  for (;;) {
    const gapMs = (-Math.log(1 - random()) * 1000) / perSecond;
    const atMs = (moments.at(-1) ?? 0) + gapMs;
    if (atMs >= durationMs) return moments;
    moments.push(atMs);
  }
}

/** The moments of one who asks about so often, and reads in between: one in the middle half of each period, from 0 until `durationMs`. */
function pacedMs(random: Random, perSecond: number, durationMs: number): readonly number[] {
  const periodMs = 1000 / perSecond;
  const count = perSecond <= 0 ? 0 : Math.floor(durationMs / periodMs);
  return Array.from({ length: count }, (_, index) => (index + 0.25 + 0.5 * random()) * periodMs);
}

/** Both kinds' clients for so long: the greedy ones a Poisson process, the polite ones those of somebody who reads what came before asking again. */
export function planLoad(
  random: Random,
  {
    greedyPerSecond,
    politePerSecond,
    durationMs,
  }: Record<"greedyPerSecond" | "politePerSecond" | "durationMs", number>,
): readonly PlannedClient[] {
  const polite = pacedMs(random, politePerSecond, durationMs).map((atMs) => ({ atMs, kind: "polite" as const }));
  const greedy = poissonMs(random, greedyPerSecond, durationMs).map((atMs) => ({ atMs, kind: "greedy" as const }));
  return [...polite, ...greedy].toSorted((a, b) => a.atMs - b.atMs);
}

/** Exactly so many greedy clients, at random moments of the span. */
export function planSpike(random: Random, count: number, durationMs: number): readonly PlannedClient[] {
  return Array.from({ length: count }, () => ({ atMs: random() * durationMs, kind: "greedy" as const })).toSorted(
    (a, b) => a.atMs - b.atMs,
  );
}
