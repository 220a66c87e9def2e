import { liteLlmStarter, portkeyStarter, startBareHono, startSluice } from "../peers/caching.ts";
import { cachingContestant, type HitOptions } from "./cache/contestant.ts";
import { measureMemory } from "./cache/memory.ts";
import { writePrompts } from "./cache/prompts.ts";
import type { Bench, Entry, Workload } from "./workload.ts";

const ENTRIES = 100_000;

/** What is asked again: how fast, and beside whom. */
export const cache: Workload = {
  name: "cache",
  title:
    "One chat request with an answer of 100 tokens, asked again and again over 32 connections, whole and streamed to its last byte, and over one connection; and " +
    "64 requests with answers of 16 tokens in turn (16 in the quick run).",
  notes: [
    "Sluice answers what the model has generated once. The others are in front of a mock of a model on the same machine, with their own caches in memory on. " +
      "The bare route parses and checks the same body with the same schema, and returns a fixed text, which for streams is one text with all frames",
    "Every answer that is counted is a 200 with the text that its prompt was answered with first; any other ends the run",
    "Portkey's cache takes no streams. Of all others' answers at least 99 % were hits, by the count of what was behind them",
    "The load generator has a part of the same processors. A hit alone is the time that a client waits for it, its own part of HTTP included",
    "The memory is that of 100,000 answers of 100 tokens in the store (20,000 in the quick run), in a process of its own",
  ],
  needsPeer: false,
  needsGateways: true,
  quickOnlyNamed: true,
  entries(bench) {
    const { shared, signal, gateways } = bench;
    const options = hitOptions(bench);
    const entry = (name: Entry["name"], start: typeof startSluice, more: Partial<HitOptions> = {}): Entry => ({
      name,
      open: async () => cachingContestant(await start(shared, signal), { ...options, ...more }),
    });
    const closing = () => measureMemory(bench.quick ? ENTRIES / 5 : ENTRIES, signal);
    return [
      entry("sluice", startSluice, { closing, warmUpMs: 4 * options.warmUpMs }),
      entry("bare Hono", startBareHono, { warmUpMs: 2 * options.warmUpMs }),
      ...(gateways.portkey === undefined ? [] : [entry("Portkey", portkeyStarter(gateways.portkey))]),
      ...(gateways.liteLlm === undefined ? [] : [entry("LiteLLM", liteLlmStarter(gateways.liteLlm))]),
    ];
  },
};

function hitOptions({ shared, lexicon, endTokens, runSeed, quick, signal }: Bench): HitOptions {
  const prompts = writePrompts({
    ...{ model: shared.modelId, lexicon, endTokens },
    ...{ seed: runSeed, mixedCount: quick ? 16 : 64 },
  });
  return { prompts, durationMs: quick ? 1_500 : 4_000, warmUpMs: quick ? 2_000 : 4_000, signal };
}
