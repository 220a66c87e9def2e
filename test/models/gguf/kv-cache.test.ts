import { describe, expect, it } from "vitest";
import type { GgufHeader } from "../../../src/models/gguf/header.ts";
import { kvBytesPerToken } from "../../../src/models/gguf/kv-cache.ts";

/** The figures of SmolLM2-135M. */
const SMOLLM2 = {
  "llama.block_count": 30,
  "llama.embedding_length": 576,
  "llama.attention.head_count": 9,
  "llama.attention.head_count_kv": 3,
};

function header(values: Readonly<Record<string, number>>, arrays: readonly string[] = []): GgufHeader {
  return {
    version: 3,
    values: new Map(Object.entries(values)),
    arrayLengths: new Map(arrays.map((key) => [key, 1])),
    tensorCount: 1,
    parameterCount: 1,
    endOffset: 0,
  };
}

describe("kvBytesPerToken", () => {
  it("is a key and a value in 16 bits for each head that has its own, over all layers", () => {
    expect(kvBytesPerToken(header(SMOLLM2), "llama")).toBe(30 * 3 * (64 + 64) * 2);
  });

  it("takes the sizes of keys and values from the header if it has them", () => {
    const sized = { ...SMOLLM2, "llama.attention.key_length": 256, "llama.attention.value_length": 128 };
    expect(kvBytesPerToken(header(sized), "llama")).toBe(30 * 3 * (256 + 128) * 2);
  });

  it("counts every head when none are shared", () => {
    const { "llama.attention.head_count_kv": _, ...unshared } = SMOLLM2;
    expect(kvBytesPerToken(header(unshared), "llama")).toBe(30 * 9 * (64 + 64) * 2);
  });

  it("is not known for a model without attention, or with other heads in each layer", () => {
    expect(kvBytesPerToken(header({ "mamba.block_count": 24 }), "mamba")).toBeUndefined();
    expect(kvBytesPerToken(header(SMOLLM2, ["llama.attention.head_count_kv"]), "llama")).toBeUndefined();
  });
});
