import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLookup } from "../../../../src/engine/worker/drafts/lookup.ts";

const tokensOf = (from: number, length: number) => Array.from({ length }, (_, index) => from + index);

/** Whether `proposed` follows an earlier occurrence of the last two tokens, which may overlap the end. */
function followedBefore(tokens: readonly number[], proposed: readonly number[]): boolean {
  const whole = [...tokens, ...proposed];
  return tokens.some(
    (_, at) =>
      at >= 2 &&
      tokens[at - 1] === tokens.at(-1) &&
      tokens[at - 2] === tokens.at(-2) &&
      proposed.every((token, index) => whole[at + index] === token),
  );
}

describe("the lookup of drafts", () => {
  test("proposes only what followed the last tokens before", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(4), { maxLength: 60 }),
        fc.array(fc.nat(4), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (prompt, output, max) => {
          const lookup = createLookup(prompt, output.length);
          const tokens = [...prompt];
          for (const token of output) {
            tokens.push(token);
            lookup.push(token);
            const proposed = lookup.propose(max);
            expect([0, max]).toContain(proposed.length);
            if (proposed.length > 0) expect(followedBefore(tokens, proposed)).toBe(true);
          }
        },
      ),
    );
  });

  test("proposes the rest of a copied text from one of its first tokens on", () => {
    const text = tokensOf(100, 300);
    const lookup = createLookup([...text, 1, 2, 3], 300);
    for (const [at, token] of text.slice(0, -15).entries()) {
      lookup.push(token);
      if (at === 0) expect(lookup.propose(15)).toEqual([]);
      // An entry of the index may be lost to a later run of tokens, but hardly all of the first.
      if (at >= 5) expect(lookup.propose(15)).toEqual(text.slice(at + 1, at + 16));
    }
  });

  test("prefers the longer of two matches, and the later of two equal ones", () => {
    const long = [1, 2, 3, 4, 50, 51];
    const short = [9, 9, 3, 4, 60, 61];
    expect(createLookup([...long, ...short, 1, 2, 3, 4], 10).propose(2)).toEqual([50, 51]);
    expect(createLookup([...long, ...short, 3, 4], 10).propose(2)).toEqual([60, 61]);
  });

  test("continues a match that overlaps the end", () => {
    expect(createLookup([1, 2, 3, 1, 2, 3, 1, 2], 10).propose(7)).toEqual([3, 1, 2, 3, 1, 2, 3]);
  });

  test("proposes nothing for text that doesn't repeat", () => {
    const lookup = createLookup(tokensOf(0, 500), 500);
    for (const token of tokensOf(1_000, 500)) {
      lookup.push(token);
      expect(lookup.propose(15)).toEqual([]);
      expect(lookup.expect(15)).toBe(0);
    }
  });

  test("finds repeats in prompts that are longer than its index", () => {
    const lookup = createLookup(tokensOf(0, 300_000), 100);
    for (const token of tokensOf(299_000, 10)) lookup.push(token);
    expect(lookup.propose(5)).toEqual(tokensOf(299_010, 5));
  });

  test("expects more of longer drafts, and never more than their length", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2), { minLength: 10, maxLength: 80 }), (tokens) => {
        const lookup = createLookup([], tokens.length);
        for (const token of tokens) lookup.push(token);
        const expected = tokensOf(1, 15).map((length) => lookup.expect(length));
        for (const [index, each] of expected.entries()) {
          expect(each).toBeGreaterThanOrEqual(expected[index - 1] ?? 0);
          expect(each).toBeLessThanOrEqual(index + 1);
        }
      }),
    );
  });

  test("expects more after right predictions, and less after wrong ones", () => {
    const text = tokensOf(0, 200);
    const right = createLookup([...text, 500], 200);
    for (const token of text.slice(0, 100)) right.push(token);
    expect(right.expect(7)).toBeGreaterThan(6.8);

    // Two tokens predict the third wrongly each time.
    const wrong = createLookup(
      tokensOf(0, 400).flatMap((each) => [1, 2, 1_000 + each]),
      300,
    );
    wrong.push(1);
    wrong.push(2);
    const before = wrong.expect(1);
    for (const each of tokensOf(0, 50)) for (const token of [2_000 + each, 1, 2]) wrong.push(token);
    expect(wrong.expect(1)).toBeLessThan(before / 10);
  });
});
