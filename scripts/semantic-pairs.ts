// Measures the semantic cache of a running gateway with pairs of requests: npm run semantic -- FILE PRESET [URL]
// The file is YAML as test/fixtures/semantic/tuned.yaml: `differ` and `same`, each with pairs by kind. The preset must have `cache.semantic`.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { measurePairs, type PairKinds } from "./semantic/measure.ts";

const kinds = z.record(z.string(), z.array(z.tuple([z.string(), z.string()])));
const schema = z.strictObject({ differ: kinds.default({}), same: kinds.default({}) });

const [file, preset, url = "http://127.0.0.1:8080"] = process.argv.slice(2);
if (file === undefined || preset === undefined) {
  process.stderr.write("Usage: semantic-pairs FILE PRESET [URL]\n");
  process.exit(2);
}
const { differ, same } = schema.parse(parse(readFileSync(file, "utf8")));
const ask = { url, preset };
const wrong = await tell("differ", differ);
await tell("same", same);
process.exitCode = wrong === 0 ? 0 : 1;

/** Prints a table. Returns how many pairs got the same answer. */
async function tell(title: string, pairs: PairKinds): Promise<number> {
  const { kinds, hitMs, missMs } = await measurePairs(ask, pairs);
  const sum = (of: "pairs" | "hits") => kinds.reduce((total, kind) => total + kind[of], 0);
  process.stdout.write(`${title}: ${sum("hits")} of ${sum("pairs")} had the answer to the other\n`);
  for (const { kind, pairs, hits } of kinds) process.stdout.write(`  ${kind.padEnd(24)} ${hits}/${pairs}\n`);
  process.stdout.write(`  median ms: ${format(hitMs)} a semantic hit, ${format(missMs)} a generation\n`);
  return sum("hits");
}

function format(ms: number | undefined): string {
  return ms === undefined ? "-" : ms.toFixed(1);
}
