import { hash } from "node:crypto";

/** Targets by consistent hashing: the order in which a session asks them, and what comes or goes moves only its own sessions. */
export type Ring = {
  /** The first `most` different targets for a session, by their indices. Takes the logarithm of the number of targets. */
  readonly walk: (session: string, most: number) => readonly number[];
};

/** Points of a target of average weight: their number is the spread of the shares, about 1/√n of each. */
const POINTS = 64;
/** A target has at most so many times the points of the average. */
const MAX_FACTOR = 16;

/** @param targets what is hashed of each, and its weight; a weight of 0 is in nobody's order */
export function createRing(targets: readonly { readonly name: string; readonly weight: number }[]): Ring {
  const mean = targets.reduce((sum, { weight }) => sum + weight, 0) / Math.max(1, targets.length);
  const counts = targets.map(({ weight }) =>
    weight <= 0 ? 0 : Math.max(1, Math.round(POINTS * Math.min(MAX_FACTOR, weight / mean))),
  );
  const length = counts.reduce((sum, count) => sum + count, 0);
  // 32 bits of the place and 20 of the target in one number that is exact, so that sorting numbers sorts points.
  const points = new Float64Array(length);
  let at = 0;
  for (const [index, { name }] of targets.entries()) {
    for (let point = 0; point < (counts[index] ?? 0); point += 1) {
      points[at] = placeOf(`${name}\n${point}`) * MAX_TARGETS + index;
      at += 1;
    }
  }
  points.sort();

  /** The first point at or after a place. */
  function find(place: number): number {
    let [low, high] = [0, length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle] ?? 0) < place * MAX_TARGETS) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    walk(session, most) {
      const order: number[] = [];
      const start = find(placeOf(session));
      for (let step = 0; step < length && order.length < most; step += 1) {
        const index = (points[(start + step) % length] ?? 0) % MAX_TARGETS;
        if (!order.includes(index)) order.push(index);
      }
      return order;
    },
  };
}

const MAX_TARGETS = 2 ** 20;

function placeOf(text: string): number {
  return hash("sha1", text, "buffer").readUInt32BE(0);
}
