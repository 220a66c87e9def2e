import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createGrammarBuilder } from "../../src/grammar/builder.ts";
import { checkLark } from "../../src/grammar/compiled-texts.ts";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { interpret } from "./gbnf.ts";

function grammarOf(source: string, spelling: "plain" | "json" = "plain") {
  const builder = createGrammarBuilder();
  return interpret(builder.toGbnf(builder.lark(source, spelling, "grammar")));
}

/** The shape of what coding agents write changes to files in. */
const CHANGES = `
// A list of changes.
start: head change+ tail?
head: "*** Begin" LF
tail: "*** End" LF?

change: added | removed
added: "+++ " path LF ("+" /(.*)/ LF -> line)+
removed: "--- " path LF
  | "gone" LF
path: /[^\\n]+/

%import common.LF
`;

describe("a grammar in llguidance's dialect of Lark", () => {
  it("may have its first line and captures", () => {
    const { accepts } = grammarOf(
      '%llguidance {}\n\nstart: answer\nanswer[capture]: ANSWER\nANSWER: "red"\n  | "green"\n',
    );
    expect(["red", "green", "", "redgreen"].map(accepts)).toEqual([true, true, false, false]);
    expect(grammarOf('start: a b\na[capture="x"]: "1"\nb: "2"').accepts("12")).toBe(true);
  });

  it("is refused by name when it contains a JSON schema", () => {
    const source = '%llguidance {}\n\nstart: answer\n\nanswer[capture]: %json {\n  "type": "object"\n}\n';
    expect(() => checkLark(source, "grammar")).toThrow("it has %json, which is not translated");
  });

  it.each(["max_tokens=20", 'stop="\\n"', "temperature=0.5", "capture, max_tokens=20", "capture, suffix=/x/"])(
    "is refused by the name of what would change the text: %s",
    (attribute) => {
      const name = attribute.replace("capture, ", "").split("=")[0];
      expect(() => checkLark(`start: answer\nanswer[${attribute}]: /.*/`, "grammar")).toThrow(
        `answer has the attribute ${name}`,
      );
    },
  );
});

describe("a grammar in Lark's notation", () => {
  it("holds a text to its rules: alternatives, groups, repetitions, ranges, imported terminals", () => {
    const { accepts } = grammarOf(CHANGES);
    for (const text of [
      "*** Begin\n+++ a.txt\n+one\n+\n",
      "*** Begin\n--- a b.txt\ngone\n*** End",
      "*** Begin\n+++ x\n+{}\n--- y\n*** End\n",
    ]) {
      expect(accepts(text)).toBe(true);
    }
    for (const text of ["", "*** Begin\n", "*** Begin\n+++ a\n", "*** Begin\n--- \n", "*** Begin\n--- a"]) {
      expect(accepts(text)).toBe(false);
    }
  });

  it.each([
    ['start: "a"~2 "b"~1..3', ["aab", "aabbb"], ["ab", "aa", "aabbbb"]],
    ['start: "a".."f"+ [","] ', ["abc", "f,"], ["g", ","]],
    ['start: "yes"i | NUMBER\n%import common.NUMBER', ["YES", "yEs", "1.5e3", ".5"], ["no", "1.5."]],
    ['?start: item ("," item)*\n!item.2: A | B\nA: "x"\nB: /y[0-9]?/', ["x,y1,y", "y"], ["x,", "xy"]],
    ["start: /a.b/s C?\nC: /c\\/d/", ["a\nb", "axbc/d"], ["ab"]],
    ['start: "\\x41\\u00e9\\"\\n"', ['Aé"\n'], ["A"]],
    ['start: A B\nA: "a"\nB: "b"\n%ignore /[ \\t]+/', ["ab", "a b", " a\tb"], ["a\nb", "ab "]],
    ['start: value\nvalue: /[a-z]+/ | "(" value* ")"', ["(a(b)())", "x"], ["(", "a)"]],
    ['start: a\n  | b\n\n\na: "1"  # one\nb: "2"', ["1", "2"], ["12"]],
  ])("%j", (source, right, wrong) => {
    const { accepts } = grammarOf(source);
    for (const text of right) expect(accepts(text)).toBe(true);
    for (const text of wrong) expect(accepts(text)).toBe(false);
    expect(() => checkLark(source, "grammar")).not.toThrow();
  });

  it("holds the text of a JSON string to the same", () => {
    const plain = grammarOf(CHANGES);
    const json = grammarOf(CHANGES, "json");
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const text = plain.write(seed);
        expect(json.accepts(JSON.stringify(text).slice(1, -1))).toBe(true);
        expect(plain.accepts(JSON.parse(`"${json.write(seed)}"`))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ["", "no rule named start"],
    ["begin: A\nA: /a/", "no rule named start"],
    ["start: item", "item, which is not defined"],
    ['start: start "a" | "b"', "begins with itself"],
    ["start: (/a*/)*", "begins with itself"],
    ['start: "a" ~ 5000', "above 1000"],
    ["start: a{b}\na{x}: x", "templates"],
    ["%declare X\nstart: X", "%declare"],
    ["%import python.NAME\nstart: NAME", "only terminals of `common`"],
    ["%import common.SECRET\nstart: SECRET", "SECRET"],
    ["start: /(?<=a)b/", "can't be honoured"],
    ["start: /a/i", "flags"],
    ['start: "a', "not understood"],
    [`start: ${"(".repeat(100)}`, "nested too deep"],
    ['start: ("a"', "a ')' is missing"],
    ['start: "b".."a"', "not from one character to a later one"],
    ['start: "a"\nstart: "b"', "defined twice"],
  ])("is refused, and says why: %j", (source, reason) => {
    expect(() => checkLark(source, "grammar")).toThrow(UnsupportedSchemaError);
    expect(() => checkLark(source, "grammar")).toThrow(reason);
  });

  it("becomes a grammar or is refused, for any text", () => {
    const piece = fc.constantFrom(
      ...'start a A : | ( ) [ ] ? * + ~ 3 .. . -> , { } %import %ignore common LF \n "x" /y/ /.*/i "z"i # // \\'.split(
        " ",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          checkLark(`start: ${pieces.join(" ")}`, "grammar");
        } catch (error) {
          expect(error).toBeInstanceOf(UnsupportedSchemaError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
