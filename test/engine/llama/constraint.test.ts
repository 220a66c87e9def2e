import fc from "fast-check";
import { expect, test } from "vitest";
import { createTriggerFinder } from "../../../src/engine/llama/constraint.ts";

const bytes = (text: string): number[] => [...Buffer.from(text)];

/** What follows the first trigger, when the text arrives in these pieces; undefined where there is none. */
function restAfter(triggers: readonly string[], pieces: readonly (readonly number[])[]): string | undefined {
  const finder = createTriggerFinder(triggers);
  for (const piece of pieces) {
    const rest = finder.find(piece);
    if (rest !== undefined) return Buffer.from(rest).toString("latin1");
    finder.push(piece);
  }
  return undefined;
}

test("a trigger is found across tokens, with what follows it in its last token", () => {
  expect(restAfter(["<tool>"], ["ab<t", "oo", 'l>{"'].map(bytes))).toBe('{"');
  expect(restAfter(["<tool>"], ["ab<t", "ool"].map(bytes))).toBeUndefined();
});

test("of several triggers the one that is complete first counts", () => {
  expect(restAfter(["<tools>", "<tool"], [bytes("<tools>!")])).toBe("s>!");
});

test("a character that is split between two tokens is joined", () => {
  const [first = 0, ...others] = bytes("é");
  expect(
    restAfter(
      ["é!"],
      [
        [120, first],
        [...others, 33],
      ],
    ),
  ).toBe("");
});

test("a search changes nothing: a token that isn't added has no effect", () => {
  const finder = createTriggerFinder(["ab"]);
  expect(finder.find(bytes("xa"))).toBeUndefined();
  expect(finder.find(bytes("b"))).toBeUndefined();
});

test("property: pieces are found as the whole text is", () => {
  const piece = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 3 });
  const trigger = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), trigger, (pieces, wanted) => {
      const whole = pieces.join("");
      const at = whole.indexOf(wanted);
      const rest = restAfter([wanted], pieces.map(bytes));
      expect(rest !== undefined).toBe(at >= 0);
      if (rest !== undefined) expect(whole.slice(at + wanted.length).startsWith(rest)).toBe(true);
    }),
  );
});
