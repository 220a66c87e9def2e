import { expect, test } from "vitest";
import { NO_GATEWAYS } from "../../bench/peers/gateways.ts";
import { runWorkload } from "../../bench/run.ts";
import type { Bench, Contestant, ContestantName, Entry, Workload } from "../../bench/workloads/workload.ts";

const LIMITS = { rounds: 3, softLimitMs: Number.POSITIVE_INFINITY };

function makeBench(signal: AbortSignal = new AbortController().signal): Bench {
  return {
    shared: { modelPath: "m.gguf", modelId: "m", threads: 1, gpu: "off", logFile: (name) => name },
    peer: undefined,
    gateways: NO_GATEWAYS,
    quick: false,
    only: [],
    say: () => {},
    runSeed: 1,
    lexicon: { adjectives: [], nouns: [], verbs: [], places: [] },
    endTokens: [],
    signal,
  };
}

/** Two sides that write down what is asked of them. */
function makeWorkload(
  overrides: { measure?: (name: ContestantName, round: number) => number; open?: () => void } = {},
) {
  const calls: string[] = [];
  const entry = (name: ContestantName): Entry => ({
    name,
    async open() {
      calls.push(`open ${name}`);
      if (name !== "sluice") overrides.open?.();
      const contestant: Contestant = {
        warmUp: async () => void calls.push(`warm up ${name}`),
        async measure(round) {
          calls.push(`${name} ${round}`);
          return { figures: { wallMs: overrides.measure?.(name, round) ?? round } };
        },
        async close() {
          calls.push(`close ${name}`);
          return { peakRssMb: 100 };
        },
      };
      return contestant;
    },
  });
  const entries = [entry("sluice"), entry("llama-server")];
  const workload: Workload = { name: "fake", title: "A fake.", needsPeer: true, entries: () => entries };
  return { workload, calls };
}

const silent = () => {};

test("contestants are opened, warmed up, and take turns round by round", async () => {
  const { workload, calls } = makeWorkload();
  const result = await runWorkload(workload, makeBench(), LIMITS, silent);
  expect(calls).toEqual([
    ...["open sluice", "open llama-server", "warm up sluice", "warm up llama-server"],
    ...["sluice 0", "llama-server 0", "sluice 1", "llama-server 1", "sluice 2", "llama-server 2"],
    ...["close sluice", "close llama-server"],
  ]);
  expect(result.error).toBeUndefined();
  expect(result.contestants).toEqual([
    { name: "sluice", rounds: [{ wallMs: 0 }, { wallMs: 1 }, { wallMs: 2 }], closing: { peakRssMb: 100 } },
    { name: "llama-server", rounds: [{ wallMs: 0 }, { wallMs: 1 }, { wallMs: 2 }], closing: { peakRssMb: 100 } },
  ]);
});

test("a failure ends the workload, keeps the rounds that both had finished, and closes both", async () => {
  const { workload, calls } = makeWorkload({
    measure(name, round) {
      if (name === "llama-server" && round === 1) throw new Error("connection refused");
      return round;
    },
  });
  const result = await runWorkload(workload, makeBench(), LIMITS, silent);
  expect(result.error).toBe("connection refused");
  expect(result.contestants.map(({ rounds }) => rounds)).toEqual([[{ wallMs: 0 }], [{ wallMs: 0 }]]);
  expect(calls.slice(-2)).toEqual(["close sluice", "close llama-server"]);
});

test("a contestant that can't be opened leaves none behind, and nobody has figures", async () => {
  const { workload, calls } = makeWorkload({
    open() {
      throw new Error("no such program");
    },
  });
  const result = await runWorkload(workload, makeBench(), LIMITS, silent);
  expect(result.error).toBe("no such program");
  expect(result.contestants).toEqual([]);
  expect(calls).toEqual(["open sluice", "open llama-server", "close sluice"]);
});

test("where the limit comes during a round, its reason is told rather than what it broke", async () => {
  const limit = new AbortController();
  const { workload } = makeWorkload({
    measure() {
      limit.abort(new Error("it took too long"));
      throw new Error("socket hang up");
    },
  });
  const result = await runWorkload(workload, makeBench(limit.signal), LIMITS, silent);
  expect(result.error).toBe("it took too long");
});

test("no round is begun that would end after the soft limit, but one is always measured", async () => {
  const { workload } = makeWorkload();
  const result = await runWorkload(workload, makeBench(), { rounds: 3, softLimitMs: 0 }, silent);
  expect(result.contestants[0]?.rounds).toHaveLength(1);
  expect(result.error).toBeUndefined();
});

test("a workload without rounds opens nobody and says that it was left out", async () => {
  const { workload, calls } = makeWorkload();
  const result = await runWorkload(workload, makeBench(), { rounds: 0, softLimitMs: 0 }, silent);
  expect(calls).toEqual([]);
  expect(result.error).toMatch(/time was used up/);
});
