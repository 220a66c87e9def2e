import { describe, expect, it } from "vitest";
import { describeFacts } from "../../../pages/chat/answering/describe.ts";

const FACTS = {
  ...{ firstTokenMs: 420, tokensPerSecond: 38.2, promptTokens: 118, completionTokens: 214, reasoningTokens: 36 },
  ...{ cachedTokens: 96, cacheStatus: "sluice; fwd=miss; stored", queueMs: 1_500, cost: 0.000_123, joules: 3.1 },
  isEnergyEstimated: true,
};

describe("what an answer took", () => {
  it("is said in a few words for each thing", () => {
    expect(describeFacts(FACTS, "stop")).toEqual([
      "first token after 420 ms",
      "38.2 tokens/s",
      "214 tokens (36 of reasoning)",
      "prompt of 118, 96 cached",
      "waited 1.50 s",
      "kept in the cache",
      "$0.00012",
      "about 3.10 J",
    ]);
  });

  it("is left out where it isn't known", () => {
    expect(describeFacts({}, null)).toEqual([]);
    expect(describeFacts({ promptTokens: 5, cachedTokens: 0, queueMs: 3, cost: 0 }, "stop")).toEqual([
      "prompt of 5",
      "$0",
    ]);
  });

  it("has no rate for an answer from the cache, which would be the connection's", () => {
    const words = describeFacts({ ...FACTS, cacheStatus: "sluice; hit; ttl=3" }, "stop");
    expect(words).toContain("from the cache");
    expect(words.join()).not.toContain("tokens/s");
  });

  it("says that an answer reached its longest length", () => {
    expect(describeFacts({}, "length")).toEqual(["reached its longest length"]);
  });
});
