import { describe, expect, it } from "vitest";
import { isSupportedArchitecture, KNOWN_ARCHITECTURES } from "../../src/models/architectures.ts";

describe("isSupportedArchitecture", () => {
  it.each(["llama", "gemma3", "qwen3moe", "gpt-oss", "nomic-bert"])("takes %s", (architecture) => {
    expect(isSupportedArchitecture(architecture)).toBe(true);
  });

  it.each(["clip", "(unknown)", "Llama", "", "toString"])("refuses %j", (architecture) => {
    expect(isSupportedArchitecture(architecture)).toBe(false);
  });

  it("knows of projectors, so that their error can say what they are", () => {
    expect(KNOWN_ARCHITECTURES.has("clip")).toBe(true);
  });
});
