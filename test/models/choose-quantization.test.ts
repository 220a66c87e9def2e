import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseQuantization } from "../../src/models/choose-quantization.ts";
import type { HubFile } from "../../src/models/pick-files.ts";

const GIB = 1024 ** 3;

/** The files of a model with 8 billion weights, or with as many as `scale` says. */
function filesOf(scale = 1, names = ["Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16"]): readonly HubFile[] {
  const sizes: Readonly<Record<string, number>> = {
    Q2_K: 3,
    Q3_K_M: 4,
    Q4_0: 4.6,
    Q4_K_M: 4.9,
    Q5_K_M: 5.7,
    Q6_K: 6.6,
    Q8_0: 8.5,
    F16: 16,
  };
  return names.map((name) => ({ path: `big-${name}.gguf`, sizeBytes: Math.round((sizes[name] ?? 1) * scale * GIB) }));
}

const quantizationOf = (files: readonly HubFile[], budgetBytes: number) => {
  const choice = chooseQuantization(files, budgetBytes);
  return typeof choice === "string" ? choice : choice.quantization;
};

describe("The quantization that fits", () => {
  test("is the usual one of a large model, if there is room", () => {
    expect(chooseQuantization(filesOf(), 16 * GIB)).toEqual({
      quantization: "Q4_K_M",
      why: "Q4_K_M (4.9 GiB): the usual one, and fits into the 16.0 GiB of memory that a model may take",
    });
  });

  test("is a smaller one if the usual one has no room", () => {
    expect(chooseQuantization(filesOf(), 5 * GIB)).toMatchObject({
      quantization: "Q3_K_M",
      why: "Q3_K_M (4.0 GiB): the nearest to Q4_K_M that fits into the 5.0 GiB of memory that a model may take",
    });
    expect(quantizationOf(filesOf(), 4 * GIB)).toBe("Q2_K");
  });

  test("is Q8_0 of a small model, which is quick in any case, and never more", () => {
    expect(quantizationOf(filesOf(0.1), 16 * GIB)).toBe("Q8_0");
    expect(quantizationOf(filesOf(0.15), 16 * GIB)).toBe("Q6_K");
    expect(quantizationOf(filesOf(0.01), 16 * GIB)).toBe("Q8_0");
  });

  test("is the nearest smaller one if the repository lacks the usual one, else the smallest", () => {
    expect(quantizationOf(filesOf(1, ["Q2_K", "Q4_0", "Q8_0"]), 16 * GIB)).toBe("Q4_0");
    expect(quantizationOf(filesOf(1, ["Q6_K", "Q8_0", "F16"]), 16 * GIB)).toBe("Q6_K");
  });

  test("is none if even the smallest has no room, and the message says what it needs", () => {
    expect(chooseQuantization(filesOf(), 2 * GIB)).toBe(
      "none fits into the 2.0 GiB of memory that a model may take: the smallest, Q2_K, needs 3.6 GiB. Name one with its quantization to have it anyway",
    );
  });

  test("counts the parts of a model together, and takes no variant, no projector and nothing incomplete", () => {
    const part = (index: number) => ({ path: `big-Q4_K_M-0000${index}-of-00002.gguf`, sizeBytes: 3 * GIB });
    const files = [
      { path: "big-UD-Q4_K_M.gguf", sizeBytes: GIB },
      { path: "mmproj-Q8_0.gguf", sizeBytes: GIB },
      { path: "big-Q3_K_M-00001-of-00002.gguf", sizeBytes: GIB },
    ];
    expect(quantizationOf([part(1), part(2), ...files], 16 * GIB)).toBe("Q4_K_M");
    expect(quantizationOf([part(1), part(2), ...files], 6 * GIB)).toMatch(/smallest, Q4_K_M, needs 6\.\d GiB/);
    expect(quantizationOf([{ path: "model.gguf", sizeBytes: GIB }], 16 * GIB)).toMatch(/none of its files names/);
  });

  test("reads the names that are in use", () => {
    for (const path of ["x.Q4_K_M.gguf", "x_Q4_K_M.gguf", "Q4_K_M/x-q4_k_m.gguf", "my-model-Q4_0-Q4_K_M.gguf"]) {
      expect(quantizationOf([{ path, sizeBytes: 3 * GIB }], 16 * GIB)).toBe("Q4_K_M");
    }
  });

  test("always fits, and is there", () => {
    const names = fc.subarray(["Q2_K", "Q3_K_M", "Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16"], { minLength: 1 });
    fc.assert(
      fc.property(
        names,
        fc.double({ min: 0.01, max: 10, noNaN: true }),
        fc.integer({ min: 1, max: 64 }),
        (given, scale, gib) => {
          const files = filesOf(scale, given);
          const choice = chooseQuantization(files, gib * GIB);
          const fits = (bytes: number) => bytes * 1.1 + 256 * 1024 ** 2 <= gib * GIB;
          if (typeof choice === "string") {
            expect(files.some(({ sizeBytes }) => fits(sizeBytes))).toBe(false);
            return;
          }
          const file = files.find(({ path }) => path === `big-${choice.quantization}.gguf`);
          expect(fits(file?.sizeBytes ?? Number.NaN)).toBe(true);
        },
      ),
    );
  });
});
