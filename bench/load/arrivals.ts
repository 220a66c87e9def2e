import type { Random } from "../statistics.ts";

/** Whether a client belongs to the key with most requests (`greedy`) or to the one with few (`polite`). */
export type Kind = "greedy" | "polite";

/** A client of an open loop: it arrives independently of earlier clients. */
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

/** The arrival times of a user who reads between requests: one in the middle half of each period, from 0 until `durationMs`. */
function pacedMs(random: Random, perSecond: number, durationMs: number): readonly number[] {
  const periodMs = 1000 / perSecond;
  const count = perSecond <= 0 ? 0 : Math.floor(durationMs / periodMs);
  return Array.from({ length: count }, (_, index) => (index + 0.25 + 0.5 * random()) * periodMs);
}

/** The clients of both kinds: greedy ones as a Poisson process, polite ones at the pace of a user who reads each answer. */
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

/** Exactly `count` greedy clients, at random times of the span. */
export function planSpike(random: Random, count: number, durationMs: number): readonly PlannedClient[] {
  return Array.from({ length: count }, () => ({ atMs: random() * durationMs, kind: "greedy" as const })).toSorted(
    (a, b) => a.atMs - b.atMs,
  );
}
