import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renderSettingsPage } from "../../scripts/settings/page.ts";
import { settings } from "../../src/config/settings.ts";

describe("docs/settings.md", () => {
  const page = readFileSync(new URL("../../docs/settings.md", import.meta.url), "utf8");

  it("is up to date: `npm run docs:settings` writes it", () => {
    expect(page).toBe(renderSettingsPage());
  });

  it("has every setting once", () => {
    const rows = [...page.matchAll(/^\| `--[a-z-]+`[^|]*\| `SLUICE_[A-Z_]+` \| `(\w+)` \|/gm)].map(([, key]) => key);
    expect(rows.toSorted()).toEqual(settings.map(({ key }) => key).toSorted());
  });

  it.each([
    ["pages", "`--no-pages`"],
    ["cacheBytes", "`0`"],
    ["gpu", "`off`"],
    ["metrics", "`off`"],
    ["prefillShare", ""],
    ["insecure", ""],
    ["drafts", ""],
  ])("says how %s is turned off: %s", (key, off) => {
    const row = page.split("\n").find((line) => line.includes(` | \`${key}\` | `)) ?? "";
    expect(row.split(" | ").at(-1)?.replace(/ ?\|$/, "")).toBe(off);
  });
});
