import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { findBinding, pinnedBindingVersion } from "../../src/engine/programs.ts";

describe("findBinding", () => {
  it("finds node-llama-cpp in the version that is pinned", () => {
    expect(findBinding(process)?.version).toBe(pinnedBindingVersion());
    const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(pinnedBindingVersion()).toBe(dependencies["node-llama-cpp"]);
  });

  it("finds a program that `npm ci` brought for this machine, and its add-on", () => {
    const programs = Object.values(findBinding(process)?.programs ?? {});
    const installed = programs.flatMap((program) => (program.state === "installed" ? [program] : []));
    expect(installed.length).toBeGreaterThan(0);
    for (const { libraries } of installed) expect(existsSync(libraries.addon)).toBe(true);
  });

  it("knows which packages another platform would need", () => {
    const { programs } = findBinding({ platform: "win32", arch: "arm64" }) ?? {};
    expect(programs?.cpu).toEqual({ state: "missing", package: "@node-llama-cpp/win-arm64" });
    expect(programs?.cuda).toEqual({ state: "unavailable" });
  });

  it("knows nothing for a platform that llama.cpp is not built for", () => {
    const { programs } = findBinding({ platform: "aix", arch: "ppc64" }) ?? {};
    expect(new Set(Object.values(programs ?? {}).map(({ state }) => state))).toEqual(new Set(["unavailable"]));
  });
});
