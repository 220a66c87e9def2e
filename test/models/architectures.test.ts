import { describe, expect, it } from "vitest";
import { isSupportedArchitecture, KNOWN_ARCHITECTURES, writesText } from "../../src/models/architectures.ts";

describe("isSupportedArchitecture", () => {
  it.each(["llama", "gemma3", "qwen3moe", "gpt-oss", "nomic-bert"])("accepts %s", (architecture) => {
    expect(isSupportedArchitecture(architecture)).toBe(true);
  });

  it.each(["clip", "(unknown)", "Llama", "", "toString"])("refuses %j", (architecture) => {
    expect(isSupportedArchitecture(architecture)).toBe(false);
  });

  it("knows of projectors, so that their error can say what they are", () => {
    expect(KNOWN_ARCHITECTURES.has("clip")).toBe(true);
  });
});

describe("writesText", () => {
  it.each(["llama", "gemma3", "pangu-embedded", "dream"])("is true of %s", (architecture) => {
    expect(writesText({ architecture })).toBe(true);
  });

  it.each(["bert", "nomic-bert-moe", "eurobert", "t5encoder", "gemma-embedding", "llama-embed"])(
    "is false of %s, which only reads",
    (architecture) => {
      expect(writesText({ architecture })).toBe(false);
    },
  );

  it("is false for a model whose file names a pooling", () => {
    expect(writesText({ architecture: "qwen3", poolingType: 3 })).toBe(false);
  });
});
