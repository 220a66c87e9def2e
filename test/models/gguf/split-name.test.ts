import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSplitName, splitName, splitPaths } from "../../../src/models/gguf/split-name.ts";

describe("split names", () => {
  it("come back as they were made", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9._-]{1,20}$/), fc.integer({ min: 1, max: 99_999 }), (prefix, count) => {
        expect(parseSplitName(splitName(prefix, count, count))).toEqual({ prefix, index: count, count });
      }),
    );
  });

  it.each([
    "model.gguf",
    "model-1-of-2.gguf",
    "model-00003-of-00002.gguf",
    "model-00000-of-00002.gguf",
    "x-00001-of-00002.bin",
  ])("are not seen in %s", (name) => {
    expect(parseSplitName(name)).toBeUndefined();
  });

  it("give the paths of all parts beside one of them", () => {
    expect(splitPaths(join("a", "m-00002-of-00002.gguf"))).toEqual([
      join("a", "m-00001-of-00002.gguf"),
      join("a", "m-00002-of-00002.gguf"),
    ]);
    expect(splitPaths("m.gguf")).toEqual(["m.gguf"]);
  });
});
