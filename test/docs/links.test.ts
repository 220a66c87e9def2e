import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const pages = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
  ...{ cwd: root, encoding: "utf8" },
})
  .trim()
  .split("\n")
  .filter((path) => existsSync(join(root, path)));

/** The text without examples, in which a bracket is no link. */
function proseOf(path: string): string {
  return readFileSync(join(root, path), "utf8")
    .replaceAll(/^(`{3,})[^\n]*\n[\s\S]*?^\1$/gm, "")
    .replaceAll(/`[^`\n]*`/g, "`code`");
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(path: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  const text = readFileSync(join(root, path), "utf8").replaceAll(/^(`{3,})[^\n]*\n[\s\S]*?^\1$/gm, "");
  for (const [, heading = ""] of text.matchAll(/^#{1,6} (.+)$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const base = plain.replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-");
    let anchor = base;
    for (let again = 1; anchors.has(anchor); again++) anchor = `${base}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

function linksOf(path: string): readonly string[] {
  return [...proseOf(path).matchAll(/\]\(([^()\s]+)(?: "[^"]*")?\)/g)].map(([, target = ""]) => target);
}

const isOutside = (target: string) => /^[a-z]+:/.test(target);

describe("the links of the documents", () => {
  it.each(pages)("of %s lead to files and headings that exist", (path) => {
    const broken = linksOf(path).filter((target) => {
      if (isOutside(target)) return false;
      const [file = "", anchor] = target.split("#", 2);
      const found = file === "" ? path : relative(root, join(root, dirname(path), decodeURIComponent(file)));
      if (!existsSync(join(root, found))) return true;
      return anchor !== undefined && !(statSync(join(root, found)).isFile() && anchorsOf(found).has(anchor));
    });
    expect(broken).toEqual([]);
  });

  it("lead from docs/README.md to every page of docs", () => {
    const linked = new Set(linksOf("docs/README.md").map((target) => join("docs", target.split("#")[0] ?? "")));
    expect(pages.filter((path) => /^docs\/[^/]+\.md$/.test(path) && !linked.has(path))).toEqual(["docs/README.md"]);
  });
});
