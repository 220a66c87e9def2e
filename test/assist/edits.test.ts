import { applyPatch } from "diff";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeChanges, planChanges } from "../../src/assist/changes.ts";
import { applyEdits, EditError, parseProposal } from "../../src/assist/edits.ts";

const edit = (search: readonly string[], replace: readonly string[]) => ({ search, replace });

describe("edits of a file", () => {
  it.each([
    ["replace lines", "a\nb\nc\n", [edit(["b"], ["x", "y"])], "a\nx\ny\nc\n"],
    ["remove lines", "a\nb\nc\n", [edit(["b"], [])], "a\nc\n"],
    ["follow each other", "a\nb\n", [edit(["a"], ["b2"]), edit(["b2", "b"], ["c"])], "c\n"],
    ["add at the end", "a\n", [edit([], ["b"])], "a\nb\n"],
    ["make a new file", "", [edit([], ["a", "", "b"])], "a\n\nb\n"],
    ["keep CRLF", "a\r\nb\r\nc\r\n", [edit(["b"], ["x", "y"])], "a\r\nx\r\ny\r\nc\r\n"],
    ["keep the end without a line break", "a\nb", [edit(["b"], ["x", "y"])], "a\nx\ny"],
    ["keep it when lines are added", "a", [edit([], ["b"])], "a\nb"],
    ["keep it when the last line goes", "a\nb", [edit(["b"], [])], "a"],
    ["keep a byte order mark and letters", "\ufeffgrüße\n文\n", [edit(["文"], ["👍"])], "\ufeffgrüße\n👍\n"],
    ["keep mixed line breaks elsewhere", "a\r\nb\nc\r\n", [edit(["b"], ["x"])], "a\r\nx\r\nc\r\n"],
    ["find lines without blanks at their ends", "a  \nb\n", [edit(["a", "b"], ["x"])], "x\n"],
  ])("%s", (_, before, edits, after) => {
    expect(applyEdits("a.txt", before, edits)).toBe(after);
  });

  it.each([
    ["lines that are not there", "a\n", [edit(["b"], ["c"])], `These lines don't stand together in a.txt: ["b"]`],
    ["lines that don't stand together", "a\nb\nc\n", [edit(["a", "c"], [])], "don't stand together"],
    ["lines that are there twice", "a\nb\na\n", [edit(["a"], ["c"])], "These lines stand 2 times in a.txt"],
    ["a part of a line", "abc\n", [edit(["b"], ["x"])], "don't stand together"],
    ["what changes nothing", "a\n", [edit(["a"], ["a"])], "The edits change nothing in a.txt."],
  ])("refuse %s", (_, before, edits, message) => {
    expect(() => applyEdits("a.txt", before, edits)).toThrow(EditError);
    expect(() => applyEdits("a.txt", before, edits)).toThrow(message);
  });

  const line = fc.oneof(
    fc.constantFrom("", "a", "b", "}", "  x"),
    fc.string({ unit: "grapheme" }).map((text) => text.replaceAll(/[\r\n]/g, "")),
  );
  const file = fc.record({
    lines: fc.array(line, { minLength: 1, maxLength: 12 }),
    end: fc.constantFrom("\n", "\r\n"),
    hasEnd: fc.boolean(),
  });

  it("change only the lines that are meant, and their opposite takes them back, whatever the text", () => {
    fc.assert(
      fc.property(
        file,
        fc.nat(),
        fc.nat(),
        fc.array(line, { minLength: 1, maxLength: 4 }),
        (given, at, count, replace) => {
          const { lines, end, hasEnd } = given;
          const join = (all: readonly string[], end: string) => all.join(end) + (hasEnd ? end : "");
          const from = at % lines.length;
          const to = Math.min(lines.length, from + 1 + (count % 3));
          const search = lines.slice(from, to);
          const before = join(lines, end);
          // A text of one line doesn't say how its lines end.
          const ending = before.includes(end) ? end : "\n";
          const after = join([...lines.slice(0, from), ...replace, ...lines.slice(to)], ending);
          let edited: string;
          try {
            edited = applyEdits("a", before, [edit(search, replace)]);
          } catch (error) {
            // Lines that stand there twice, but for blanks, or that don't change.
            expect(error).toBeInstanceOf(EditError);
            return;
          }
          if (lines.at(-1) !== "" || hasEnd) expect(edited).toBe(after);
          // A text of one line has lost how its lines ended, and an empty last line whether there was one.
          if (!hasEnd && edited.endsWith("\n")) return;
          if (before.includes("\n") && !edited.includes("\n")) return;
          try {
            expect(applyEdits("a", edited, [edit(replace, search)])).toBe(before);
          } catch (error) {
            expect(error).toBeInstanceOf(EditError);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe("a proposal", () => {
  it("is read from JSON, between fences too, with line breaks in lines", () => {
    const said = { explanation: "It was wrong.", edits: [{ path: "a", search: ["x\ny", ""], replace: ["z\r\n"] }] };
    const read = { explanation: "It was wrong.", edits: [{ path: "a", search: ["x", "y", ""], replace: ["z"] }] };
    expect(parseProposal(JSON.stringify(said))).toEqual(read);
    expect(parseProposal(`\`\`\`json\n${JSON.stringify(said, null, 2)}\n\`\`\`\n`)).toEqual(read);
  });

  it.each([
    ["prose", "it is no JSON"],
    ['{"explanation":"x"}', "edits: "],
    ['{"explanation":"x","edits":[{"path":"a","search":"x","replace":[]}]}', "edits.0.search: "],
    [JSON.stringify({ explanation: "", edits: Array(17).fill({ path: "a", search: [], replace: ["x"] }) }), "edits: "],
  ])("is refused with what is wrong in it: %j", (answer, message) => {
    expect(() => parseProposal(answer)).toThrow(EditError);
    expect(() => parseProposal(answer)).toThrow(message);
  });

  it("is parsed or refused, whatever the answer", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `\`\`\`\n${json}\n\`\`\``),
        ),
        (answer) => {
          try {
            parseProposal(answer);
          } catch (error) {
            expect(error).toBeInstanceOf(EditError);
          }
        },
      ),
    );
  });

  it("may edit the given files alone, and not make them too large", () => {
    const files = new Map([
      ["src/a.ts", "a\n"],
      ["new.ts", undefined],
    ]);
    const edits = [
      { path: "src/a.ts", search: ["a"], replace: ["b"] },
      { path: "new.ts", search: [], replace: ["c"] },
    ];
    expect(planChanges(edits, files)).toEqual([
      { path: "src/a.ts", before: "a\n", after: "b\n" },
      { path: "new.ts", before: undefined, after: "c\n" },
    ]);
    for (const path of ["SRC/a.ts", "src/../src/a.ts", "./src/a.ts", "/src/a.ts"])
      expect(() => planChanges([{ path, search: [], replace: ["x"] }], files)).toThrow(
        "is none of the files that may be edited",
      );
    expect(() => planChanges([{ path: "new.ts", search: [], replace: ["x".repeat(2 ** 20)] }], files)).toThrow(
      "more than 1048576 bytes",
    );
  });
});

describe("a large edit", () => {
  const proposed = (replace: readonly string[]) =>
    JSON.stringify({ explanation: "", edits: [{ path: "a", search: [], replace }] });

  it("is refused by its lines, also those that are within one", () => {
    expect(parseProposal(proposed(["x\n".repeat(5_000)])).edits[0]?.replace).toHaveLength(5_000);
    expect(() => parseProposal(proposed(["x\n".repeat(5_001)]))).toThrow("edits.0.replace: more than 5000 lines");
  });

  it("is shown as replaced whole where a comparison would take too long", () => {
    const lines = (name: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${name} ${index}`).join("\n");
    const [before, after] = [`${lines("old", 10_000)}\n`, lines("new", 20_000)];
    const beginMs = performance.now();
    const diff = describeChanges([{ path: "a", before, after }]);
    expect(performance.now() - beginMs).toBeLessThan(10_000);
    expect(diff.slice(0, 60)).toMatch(/^--- a\/a\n\+\+\+ b\/a\n@@ -1,10000 \+1,20000 @@\n-old 0\n-old 1\n/);
    expect(applyPatch(before, diff)).toBe(after);
  });
});
