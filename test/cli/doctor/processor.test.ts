import { describe, expect, it } from "vitest";
import { instructionSets } from "../../../src/cli/doctor/processor.ts";

describe("instructionSets", () => {
  it("are the processor features that llama.cpp reports", () => {
    expect(
      instructionSets("CPU : SSE3 = 1 | AVX = 1 | AVX512 = 0 | LLAMAFILE = 1 | OPENMP = 1 | REPACK = 1 | "),
    ).toEqual(["SSE3", "AVX"]);
  });

  it("leave out the features of a GPU", () => {
    expect(instructionSets("CUDA : ARCHS = 890 | USE_GRAPHS = 1 | CPU : NEON = 1 | DOTPROD = 1 | ")).toEqual([
      "NEON",
      "DOTPROD",
    ]);
  });

  it("are empty when llama.cpp reports nothing", () => {
    expect(instructionSets("")).toEqual([]);
  });
});
