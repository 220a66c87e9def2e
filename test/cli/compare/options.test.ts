import { describe, expect, test } from "vitest";
import { readOptions } from "../../../src/cli/compare/options.ts";
import { isQuantized, nameVariant } from "../../../src/cli/compare/quantizations.ts";

describe("The flags of compare", () => {
  test("have defaults", () => {
    expect(readOptions({})).toMatchObject({ contexts: [128, 512, 2048], repeats: 3, tokens: 4096, within: 0.01 });
  });

  test("are read", () => {
    expect(
      readOptions({ contexts: "64, 256", repeats: "5", tokens: "1024", within: "2.5%", quantize: "q4_k_m,Q8_0,Q8_0" }),
    ).toMatchObject({
      contexts: [64, 256],
      repeats: 5,
      tokens: 1024,
      within: 0.025,
      quantizations: ["Q4_K_M", "Q8_0"],
    });
  });

  test.each([
    [{ contexts: "0" }, /^--contexts: "0" is not allowed\. Give whole numbers from 1/],
    [{ contexts: "a" }, /^--contexts: "a"/],
    [{ contexts: "1,2,3,4,5,6,7,8,9" }, /^--contexts: at most 8/],
    [{ repeats: "1.5" }, /^--repeats: "1\.5"/],
    [{ tokens: "100" }, /^--tokens: "100".*from 512/],
    [{ within: "" }, /^--within: ""/],
    [{ within: "101" }, /^--within: "101"/],
    [{ quantize: "Q4_K_M,Q9" }, /^--quantize: "Q9" is none that can be made\. Give some of F32, BF16, F16, Q8_0/],
    [{ quantize: "IQ1_S" }, /^--quantize: "IQ1_S"/],
    [{ quantize: "" }, /^--quantize: ""/],
  ])("refuse %j, and say what is allowed", (flags, message) => {
    expect(() => readOptions(flags)).toThrow(message);
  });
});

describe("The file of a quantization", () => {
  const gguf = { architecture: "llama", parameterCount: 1, chatTemplate: false, sizeBytes: 1 };

  test("is named after the model and its new quantization", () => {
    const model = { path: "/models/tiny-BF16.gguf", gguf: { ...gguf, quantization: "BF16" } };
    expect(nameVariant(model, "Q4_K_M")).toBe("tiny-Q4_K_M.gguf");
    expect(isQuantized(model)).toBe(false);
  });

  test("tells what it was made from if that was quantized, since it is worse than one of the same name", () => {
    const model = { path: "/models/tiny-Q4_1.gguf", gguf: { ...gguf, quantization: "Q4_1" } };
    expect(nameVariant(model, "Q8_0")).toBe("tiny-Q8_0-from-Q4_1.gguf");
    expect(nameVariant({ path: "/models/mine.gguf", gguf }, "Q8_0")).toBe("mine-Q8_0-from-quantized.gguf");
  });

  test("is one file, also if the model is in parts", () => {
    const model = { path: "/models/big-f16-00001-of-00003.gguf", gguf: { ...gguf, quantization: "F16" } };
    expect(nameVariant(model, "Q8_0")).toBe("big-Q8_0.gguf");
  });
});
