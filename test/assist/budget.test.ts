import fc from "fast-check";
import { expect, it } from "vitest";
import { fitSources } from "../../src/assist/budget.ts";
import type { Source } from "../../src/assist/sources.ts";

/** A token for each word, and at least one for each 12 characters. */
const count = async (text: string) => text.split(/\s+/).reduce((sum, word) => sum + Math.ceil(word.length / 12), 0);
const source = (text: string, more: Partial<Source> = {}): Source => ({
  ...{ title: "a.txt", reason: "named", text, keeps: "begin" as const, path: "a.txt", firstLine: 1 },
  ...more,
});
const lines = (many: number) => Array.from({ length: many }, (_, at) => `line ${at + 1}`).join("\n");

it("takes sources in their order as long as they fit, and cuts one at a line", async () => {
  const { placed, leftOut } = await fitSources([source(lines(5)), source(lines(500)), source("short")], count, 200);
  expect(placed.map(({ title }) => title)).toEqual(["a.txt", expect.stringMatching(/^a\.txt, lines 1-\d+$/)]);
  expect(placed[1]?.text).toBe(lines(placed[1]?.text.split("\n").length ?? 0));
  expect(leftOut).toEqual([
    { what: "a.txt", why: expect.stringMatching(/^only the first \d+ of 500 lines fits/) },
    { what: "a.txt", why: "it doesn't fit the model's context" },
  ]);
});

it("keeps the end of an output, and no more of it than its share", async () => {
  const { path, firstLine, ...output } = source(lines(1_000), { title: "Piped in", keeps: "end", share: 0.5 });
  const { placed } = await fitSources([output, source(lines(10))], count, 400);
  expect(placed.map(({ title }) => title)).toEqual(["Piped in (its end)", "a.txt"]);
  expect(placed[0]?.text.endsWith("line 999\nline 1000")).toBe(true);
  expect(placed[0]?.tokens).toBeLessThanOrEqual(200);
});

it("never takes more than fits, and only whole lines, whatever the texts", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.array(fc.string({ maxLength: 40 }), { maxLength: 60 }).map((all) => all.join("\n")),
        { maxLength: 6 },
      ),
      fc.integer({ min: 0, max: 600 }),
      fc.constantFrom("begin" as const, "end" as const),
      async (texts, budget, keeps) => {
        const { placed } = await fitSources(
          texts.map((text) => source(text, { keeps })),
          count,
          budget,
        );
        expect(placed.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(budget);
        for (const { text } of placed)
          expect(
            texts.some((whole) =>
              keeps === "begin" ? `${whole}\n`.startsWith(`${text}\n`) : `\n${whole}`.endsWith(`\n${text}`),
            ),
          ).toBe(true);
      },
    ),
  );
});
