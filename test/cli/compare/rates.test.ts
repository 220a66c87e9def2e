import { describe, expect, test } from "vitest";
import { contextsWithin, measureRates, roomFor } from "../../../src/cli/compare/rates.ts";
import type { Measured } from "../../../src/engine/host/measure.ts";

function fakeModel(loadMs: number, decodeMs: number, onEnd: () => void, joules?: number): Measured {
  return {
    info: {
      ...{ type: "loaded", loadMs, memoryBytes: 1, vocabularySize: 10, vocabularyHash: "" },
      ...{ parameterCount: 1, weightBytes: 1, trainContextTokens: 4096 },
    },
    rates: async (contexts, decodeTokens) => ({
      ...{ type: "rates", memoryBytes: 100 },
      points: contexts.map((context) => ({ context, prefillMs: 500, decodeMs, decodeTokens })),
      ...(joules !== undefined && { joules }),
    }),
    tokenize: () => Promise.reject(new Error("It isn't asked.")),
    begin: async () => {},
    read: async () => {},
    score: () => Promise.reject(new Error("It isn't asked.")),
    [Symbol.asyncDispose]: async () => onEnd(),
  };
}

describe("Measuring rates", () => {
  test("takes turns between the models, one of them in memory at a time, and begins each round with another", async () => {
    const events: string[] = [];
    const rates = await measureRates(["a", "b"], {
      repeats: 3,
      open: async (model) => {
        events.push(`+${model}`);
        return fakeModel(model === "a" ? 10 : 20, 640, () => events.push(`-${model}`));
      },
      contextsOf: () => [128],
      onTurn: () => {},
    });
    expect(events.join(" ")).toBe("+a -a +b -b +b -b +a -a +a -a +b -b");
    expect(rates.map(({ loadMs }) => loadMs)).toEqual([10, 20]);
  });

  test("gives the median of the turns, and their range", async () => {
    const times = [320, 640, 3200];
    const [rates] = await measureRates(["a"], {
      repeats: 3,
      open: async () => fakeModel(1, times.shift() ?? 0, () => {}, 64),
      contextsOf: () => [128, 512],
      onTurn: () => {},
    });
    expect(rates?.points).toEqual([
      { tokens: 128, prefill: { value: 256, low: 256, high: 256 }, decode: { value: 50, low: 10, high: 100 } },
      { tokens: 512, prefill: { value: 1024, low: 1024, high: 1024 }, decode: { value: 50, low: 10, high: 100 } },
    ]);
    // 64 J for 32 tokens at each of two contexts.
    expect(rates?.joules).toBe(1000);
  });

  test("measures only at contexts that the model has room for", () => {
    expect(contextsWithin([2048, 128, 512, 128], 2048)).toEqual([128, 512]);
    expect(contextsWithin([128, 512], 8192)).toEqual([128, 512]);
    expect(roomFor([128, 512])).toBe(512 + 2 * 32);
  });
});
