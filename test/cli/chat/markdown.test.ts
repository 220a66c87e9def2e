import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderMarkdown } from "../../../src/cli/chat/markdown.ts";
import { widthOf } from "../../../src/cli/chat/wrap.ts";
import { escapeAllButLayout } from "../../../src/cli/controls.ts";
import type { Paint } from "../../../src/cli/style.ts";

const plain: Paint = (_, words) => words;
const marked: Paint = (style, words) => `<${[style].flat().join("+")}>${words}</>`;

describe("Markdown in a terminal", () => {
  it.each([
    ["# A title", ["A title"]],
    ["One two three four", ["One two three", "four"]],
    ["a\nb", ["a b"]],
    ["a  \nb", ["a", "b"]],
    ["- one\n- two\n  - deep", ["• one", "• two", "  • deep"]],
    ["3. one\n4. two", ["3. one", "4. two"]],
    ["- [x] done\n- [ ] not", ["• [x] done", "• [ ] not"]],
    ["> quoted", ["│ quoted"]],
    ["```\na\tb\n```", ["  a    b"]],
    ["```\n0123456789012345678\n```", ["  0123456789012", "  345678"]],
    ["|a|b|\n|-|-|\n|1|2|", ["a │ b", "──┼──", "1 │ 2"]],
    ["|first|second|\n|-|-|\n|a long cell|b|", ["first: a long", "cell", "second: b"]],
    ["[here](https://x.y)", ["here", "(https://x.y)"]],
    ["<b>x</b>", ["<b>x</b>"]],
    ["one\n\ntwo", ["one", "", "two"]],
    ["日本語日本語日本", ["日本語日本語日", "本"]],
  ])("%j", (text, rows) => {
    expect(renderMarkdown(text, 15, plain)).toEqual(rows);
  });

  it("paints what has a style, and nothing else", () => {
    expect(renderMarkdown("a **b *c*** `d`", 40, marked)).toEqual(["a <bold>b </><bold+italic>c</> <cyan>d</>"]);
  });

  it("is never wider than the terminal, and has no control characters, whatever a model writes", () => {
    const pieces = fc.constantFrom(
      "# ",
      "- ",
      "> ",
      "```",
      "\n",
      "\n\n",
      "|",
      "|-|-|",
      "**",
      "`",
      "[a](b)",
      "    ",
      "1. ",
      "日",
      "👩‍👩‍👧",
      " ",
      "\u001b[2J",
    );
    const text = fc.array(fc.oneof(pieces, fc.string({ unit: "binary" }), fc.lorem({ maxCount: 5 })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(text, fc.integer({ min: 20, max: 100 }), (parts, columns) => {
        for (const row of renderMarkdown(escapeAllButLayout(parts.join("")), columns, plain)) {
          expect(row).not.toMatch(/\p{Cc}/u);
          expect(widthOf(row)).toBeLessThanOrEqual(columns);
        }
      }),
      { numRuns: 2_000 },
    );
  }, 60_000);
});
