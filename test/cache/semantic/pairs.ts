import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const kinds = z.record(z.string(), z.array(z.tuple([z.string(), z.string()])));
const schema = z.strictObject({ differ: kinds, same: kinds });

/** A kind of pairs, and the pairs. */
export type Kind = readonly [name: string, pairs: readonly (readonly [string, string])[]];

export type PairSet = {
  /** Pairs of which neither may have the other's answer. */
  readonly differ: readonly Kind[];
  /** Pairs that ask for the same. */
  readonly same: readonly Kind[];
};

/** The pairs of a file in `test/fixtures/semantic`. */
export function readPairs(name: "tuned" | "held-out"): PairSet {
  const file = new URL(`../../fixtures/semantic/${name}.yaml`, import.meta.url);
  const { differ, same } = schema.parse(parse(readFileSync(file, "utf8")));
  return { differ: Object.entries(differ), same: Object.entries(same) };
}

/** How many of a kind's pairs pass. */
export function countPairs(kind: Kind, passes: (a: string, b: string) => boolean): number {
  return kind[1].filter(([a, b]) => passes(a, b)).length;
}
