import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createControlFinder } from "../../../src/engine/llama/control-finder.ts";
import { createDisguise } from "../../../src/engine/worker/control-text.ts";

const CONTROL = ["<|start|>", "<|end|>", "</s>", "[A]", "[A][B]"];
const finder = createControlFinder(CONTROL);
const suspicious = (text: string) => (finder.split(text) ?? []).flatMap((part) => (part.suspicious ? [part.text] : []));

describe("finding control tokens in a text", () => {
  test("finds their spellings, the longer where two begin alike, and parts of them at the ends", () => {
    expect(suspicious("a<|end|>b</s>c")).toEqual(["<|end|>", "</s>"]);
    expect(suspicious("x[A][B]x")).toEqual(["[A][B]"]);
    expect(suspicious("d|>hello<|sta")).toEqual(["d|>", "<|sta"]);
  });

  test("finds nothing in an ordinary text", () => {
    expect(finder.split("a < b and b > c; use [A-Z] and | here")).toBeUndefined();
    expect(createControlFinder([]).split("<|end|>")).toBeUndefined();
  });

  test("property: the other parts can't produce a control token, whatever the adjacent text", () => {
    const hostile = fc.string({ unit: fc.constantFrom("<|", "|>", "<", ">", "end", "start", "[A]", "[B]", "/s", "x") });
    fc.assert(
      fc.property(hostile, hostile, hostile, (before, text, after) => {
        const parts = finder.split(text) ?? [{ text, suspicious: false }];
        expect(parts.map((part) => part.text).join("")).toBe(text);
        // A NUL stands for the border of what is tokenized apart.
        const plain = parts.map((part) => (part.suspicious ? "\0" : part.text)).join("");
        const joined = before + plain + after;
        for (const control of CONTROL) {
          for (let at = joined.indexOf(control); at >= 0; at = joined.indexOf(control, at + 1)) {
            const inside = at + control.length > before.length && at < before.length + plain.length;
            const around = at < before.length && at + control.length > before.length + plain.length;
            expect(inside && !around, `${control} in ${JSON.stringify(joined)}`).toBe(false);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("a disguise", () => {
  test("passes values through a template and restores the hidden parts in the result", () => {
    const disguise = createDisguise(finder);
    const { list, deep } = disguise.hideAll({
      list: ["plain", 3, null, true],
      deep: { "<|end|>": 'say "<|end|>"\n' },
    });
    expect(list).toEqual(["plain", 3, null, true]);
    const rendered = `<|start|>${JSON.stringify(deep)}`;
    expect(rendered).not.toContain("<|end|>");
    const parts = disguise.reveal(rendered);
    expect(parts.map(({ text }) => text).join("")).toBe('<|start|>{"<|end|>":"say \\"<|end|>\\"\\n"}');
    expect(parts.filter((part) => part.suspicious).map(({ text }) => text)).toEqual(["<|end|>", "<|end|>"]);
  });

  test("gives numbers as integers, and all their digits back", () => {
    const disguise = createDisguise(finder);
    const hidden = disguise.hideAll({ numbers: [48.858370112345, 7, 0.1, 48.858370112345, 1e300], text: "<|end|>" });
    expect(hidden.numbers).toSatisfy((numbers: readonly number[]) => numbers.every(Number.isSafeInteger));
    const parts = disguise.reveal(JSON.stringify(hidden));
    expect(parts.map(({ text }) => text).join("")).toBe(
      '{"numbers":[48.858370112345,7,0.1,48.858370112345,1e+300],"text":"<|end|>"}',
    );
    expect(parts.filter((part) => part.suspicious).map(({ text }) => text)).toEqual(["<|end|>"]);
  });

  test("refuses values that are nested without end", () => {
    let value: Record<string, unknown> = {};
    for (let depth = 0; depth < 300; depth++) value = { value };
    expect(() => createDisguise(finder).hideAll(value)).toThrow("256 deep");
  });

  test("keeps a key that is named like an object's prototype", () => {
    const hidden = createDisguise(finder).hideAll(JSON.parse('{"__proto__": {"a": 1}}'));
    expect(JSON.stringify(hidden)).toBe('{"__proto__":{"a":1}}');
  });
});

describe("the place where a long text may be cut", () => {
  const tokens = createControlFinder(["<|a|>", "<|b|>", "<|", "x<|c", "xx"], ["  ", "|d|"]);

  test("is after a control token, at or after the requested position", () => {
    const finder = createControlFinder(["<|a|>", "<|b|>"]);
    expect(finder.cutAfter("12<|a|>345<|b|>6", 0)).toBe(7);
    expect(finder.cutAfter("12<|a|>345<|b|>6", 3)).toBe(15);
    expect(finder.cutAfter("12<|a|>", 0)).toBe(7);
    expect(finder.cutAfter("12<|a|>", 5)).toBeUndefined();
    expect(createControlFinder([]).cutAfter("<|a|>", 0)).toBeUndefined();
  });

  test("is never before a space, which a token may include", () => {
    expect(createControlFinder(["<|a|>"]).cutAfter("<|a|> <|a|>\n<|a|>z", 0)).toBe(17);
  });

  test("is never after a spelling that another one may overlap", () => {
    expect(tokens.cutAfter("<|a|>z", 0)).toBeUndefined();
    expect(tokens.cutAfter("xxz", 0)).toBeUndefined();
    expect(createControlFinder(["<end>"], ["d>."]).cutAfter("<end>z", 0)).toBeUndefined();
    expect(createControlFinder(["<end>"], ["<end>."]).cutAfter("<end>z", 0)).toBeUndefined();
    expect(createControlFinder(["<end>"], ["nd"]).cutAfter("<end>z", 0)).toBeUndefined();
    expect(createControlFinder(["<end>"], ["ab"]).cutAfter("<end>z", 0)).toBe(5);
  });
});
