import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pickHubFiles } from "../../src/models/pick-files.ts";

const pick = (paths: readonly string[], quantization: string) =>
  pickHubFiles(
    paths.map((path) => ({ path, sizeBytes: 1 })),
    { type: "quantization", quantization },
  );
const pathsOf = (picked: ReturnType<typeof pick>) =>
  typeof picked === "string" ? picked : picked.map(({ path }) => path);

describe("pickHubFiles by quantization", () => {
  it.each([
    [
      "Q4_1",
      ["SmolLM2-135M-Instruct.Q4_0.gguf", "SmolLM2-135M-Instruct.Q4_1.gguf", "README.md"],
      "SmolLM2-135M-Instruct.Q4_1.gguf",
    ],
    [
      "Q4_K_M",
      ["qwen2.5-coder-7b-instruct-q4_k_m.gguf", "qwen2.5-coder-7b-instruct-q4_k_s.gguf"],
      "qwen2.5-coder-7b-instruct-q4_k_m.gguf",
    ],
    ["Q4_K", ["m-Q4_K.gguf", "m-Q4_K_M.gguf", "m-Q4_K_S.gguf"], "m-Q4_K.gguf"],
    ["Q4_0", ["m-Q4_0_4_4.gguf", "m-Q4_0.gguf", "m-Q4_0-lm_head-f16.gguf"], "m-Q4_0.gguf"],
    ["Q4_XS", ["m-IQ4_XS.gguf", "m-Q4_XS.gguf"], "m-Q4_XS.gguf"],
    ["MXFP4", ["gpt-oss-20b-mxfp4.gguf"], "gpt-oss-20b-mxfp4.gguf"],
    ["Q4_K_XL", ["m-UD-Q4_K_XL.gguf", "m-Q4_K_XL.gguf"], "m-Q4_K_XL.gguf"],
    ["Q4_K_XL", ["m-UD-Q4_K_XL.gguf"], "m-UD-Q4_K_XL.gguf"],
    ["UD-Q4_K_XL", ["m-UD-Q4_K_XL.gguf", "m-Q4_K_XL.gguf"], "m-UD-Q4_K_XL.gguf"],
    ["F16", ["mmproj-model-F16.gguf", "m-F16.gguf", "m.imatrix-F16.gguf"], "m-F16.gguf"],
    ["Q8_0", ["Q8_0/m.gguf", "Q4_0/m.gguf"], "Q8_0/m.gguf"],
  ])("finds %s", (quantization, paths, expected) => {
    expect(pathsOf(pick(paths, quantization))).toEqual([expected]);
  });

  it("gives all parts of a split model, in order", () => {
    const parts = [
      "BF16/m-BF16-00002-of-00003.gguf",
      "BF16/m-BF16-00003-of-00003.gguf",
      "BF16/m-BF16-00001-of-00003.gguf",
    ];
    expect(pathsOf(pick([...parts, "m-Q8_0.gguf"], "BF16"))).toEqual([...parts].sort());
  });

  it("prefers the whole file to the same in parts", () => {
    const paths = ["m-q4_k_m-00001-of-00002.gguf", "m-q4_k_m-00002-of-00002.gguf", "m-q4_k_m.gguf"];
    expect(pathsOf(pick(paths, "Q4_K_M"))).toEqual(["m-q4_k_m.gguf"]);
  });

  it("says which parts a repository lacks", () => {
    expect(pick(["m-Q8_0-00001-of-00003.gguf", "m-Q8_0-00003-of-00003.gguf"], "Q8_0")).toBe(
      "m-Q8_0-00001-of-00003.gguf is one of 3 parts, and the repository has only 2 of them",
    );
  });

  it("lists what there is when nothing fits", () => {
    expect(pick(["m-Q8_0.gguf", "m-BF16-00001-of-00002.gguf", "m-BF16-00002-of-00002.gguf"], "Q4_K_M")).toBe(
      "no file is quantized as Q4_K_M; available: m-Q8_0, m-BF16 (2 parts)",
    );
  });

  it("lists those that fit when several do, and says how to name one", () => {
    expect(pick(["a-Q8_0.gguf", "b-Q8_0.gguf", "b-Q4_0.gguf"], "Q8_0")).toBe(
      "several files are quantized as Q8_0: a-Q8_0, b-Q8_0; name one as hf:owner/repo/file.gguf",
    );
  });

  it("says that a repository has no models", () => {
    expect(pick(["model.safetensors", "mmproj-F16.gguf"], "F16")).toBe(
      "the repository has no .gguf file that is a model",
    );
  });

  it("lists no more than twenty", () => {
    const reason = pick(
      Array.from({ length: 25 }, (_, i) => `m${i}-Q8_0.gguf`),
      "Q4_0",
    );
    expect(reason).toMatch(/ and 5 more$/);
  });

  it("gives files of the repository or a sentence, whatever the names", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string().map((name) => `${name}.gguf`)),
        fc.stringMatching(/^[A-Z0-9._-]{1,10}$/),
        (paths, quantization) => {
          const picked = pathsOf(pick(paths, quantization));
          if (typeof picked === "string") expect(picked).not.toBe("");
          else expect(paths).toEqual(expect.arrayContaining(picked));
        },
      ),
    );
  });
});

describe("pickHubFiles by path", () => {
  const files = ["a/m-00001-of-00002.gguf", "a/m-00002-of-00002.gguf", "x.gguf"].map((path) => ({
    path,
    sizeBytes: 1,
  }));

  it("returns that file", () => {
    expect(pathsOf(pickHubFiles(files, { type: "path", path: "x.gguf" }))).toEqual(["x.gguf"]);
  });

  it("gives all parts when it is one of them", () => {
    const picked = pickHubFiles(files, { type: "path", path: "a/m-00002-of-00002.gguf" });
    expect(pathsOf(picked)).toEqual(["a/m-00001-of-00002.gguf", "a/m-00002-of-00002.gguf"]);
  });

  it("lists what there is when it is none", () => {
    expect(pickHubFiles(files, { type: "path", path: "y.gguf" })).toBe(
      "there is no file y.gguf; available: a/m (2 parts), x",
    );
  });
});
