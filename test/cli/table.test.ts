import { describe, expect, it } from "vitest";
import { formatTable } from "../../src/cli/table.ts";

describe("formatTable", () => {
  it("makes visible what a terminal would act on", () => {
    expect(formatTable([["a\u001b[2Jb\u009b", "c\nd"]])).toBe("a\\x1b[2Jb\\x9b  c\\x0ad\n");
  });

  it("aligns columns, with numbers to the right if requested, without trailing spaces", () => {
    const rows = [
      ["NAME", "SIZE", "FOR"],
      ["a", "5", "chat"],
      ["longer", "12345", ""],
    ];
    expect(formatTable(rows, [1])).toBe("NAME     SIZE  FOR\na           5  chat\nlonger  12345\n");
  });
});
