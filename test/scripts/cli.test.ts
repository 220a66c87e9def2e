import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renderCliPage } from "../../scripts/cli/page.ts";

describe("docs/cli.md", () => {
  it("is what `npm run docs:cli` would write", () => {
    expect(readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8")).toBe(renderCliPage());
  });
});
