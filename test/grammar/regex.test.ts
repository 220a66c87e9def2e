import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createGrammarBuilder } from "../../src/grammar/builder.ts";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { interpret } from "./gbnf.ts";

function grammarOf(pattern: string) {
  const builder = createGrammarBuilder();
  return interpret(builder.toGbnf(builder.regex(pattern, "regex")));
}

const PATTERNS = [
  "a|bc|",
  "^(?:yes|no)$",
  "(?<year>\\d{4})-(\\d\\d)",
  "[^\\W\\d_]{2,3}?",
  "\\x41\\u00e9\\u{1F600}\\u0042",
  "[\\]\\-a^-c]+",
  "(a*)*(b+)+",
  "\\.\\*\\$\\^\\{\\}",
  "[\\b\\t]\\s\\S",
  "\\cJ.",
  "-?(0|[1-9]\\d*)(\\.\\d+)?",
];

/** What fast-check can't write texts for. */
const UNWRITABLE = /\\[bc]|\\u\{/;

describe("the grammar of a regular expression", () => {
  it.each(PATTERNS)("writes only what matches from end to end: %s", (pattern) => {
    const grammar = grammarOf(pattern);
    const whole = new RegExp(`^(?:${pattern})$`, "u");
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(grammar.write(seed)).toMatch(whole);
      }),
      { numRuns: 40 },
    );
  });

  it.each<[string, readonly string[], readonly string[]]>([
    ["(?=.*[A-Z])(?=.*\\d)[A-Za-z0-9]{4,6}", ["aB3d", "1Ab2c"], ["abcd", "ABCD", "A1"]],
    ["(?!foo|bar)[a-z]{3}", ["fob", "baz"], ["foo", "bar"]],
    ["[a-z]+(?!d)x", ["ax", "adx"], ["a", "d"]],
    ["(?:a(?=b)|c)b", ["ab", "cb"], ["ac", "b"]],
    // Pydantic's of a decimal number.
    ["^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", ["1", "-0.5", "+.5", "007"], ["", "-", ".", "-.", "1e5", "1.2.3"]],
    ["^(?=^a|^b)(?!^ab$|^$)[a-c]*$", ["a", "ba", "abc"], ["", "ab", "ca"]],
    ["^(?!$)a?$", ["a"], [""]],
    ["\\bab\\b( \\bcd\\b)?", ["ab", "ab cd"], ["abc", "ab  cd"]],
    [".*\\bend\\b.*", ["end", "the end.", "an end here"], ["ending", "bend"]],
    [".*\\Bx", ["ax", "aax"], ["x", "a x"]],
    ["\\p{Lu}\\p{Ll}+", ["Äpfel", "Ab"], ["apfel", "AB", "A1"]],
    ["[\\p{Script=Greek}_]+", ["αβγ_"], ["abc"]],
    ["\\P{L}+", ["12 ,"], ["1a"]],
  ])("looks ahead, at the borders of words and at what Unicode says of characters: %s", (pattern, right, wrong) => {
    const { accepts, write } = grammarOf(pattern);
    const whole = new RegExp(`^(?:${pattern})$`, "u");
    expect(right.filter((text) => !whole.test(text) || !accepts(text))).toEqual([]);
    expect(wrong.filter((text) => whole.test(text) || accepts(text))).toEqual([]);
    for (const seed of [1, 2, 3, 4, 5]) {
      expect(write(seed)).toMatch(whole);
    }
  });

  it.each<[string, readonly string[], readonly string[]]>([
    ['\\-\\_\\"\\:]', ['-_":]'], ["-_:]"]],
    ["{[}]}{a{,2}", ["{}}{a{,2}"], ["{}}{aa"]],
    ["[\\w-.]+", ["a-b.c"], ["a+b"]],
    ["[+-\\d-z]+", ["+-7z"], ["a"]],
    ["[\\d-a-z]+", ["1-az"], ["b"]],
    ["[a\\-\\_c]+", ["a-_c"], ["b"]],
    ["(?:(?<n>a)|(?<n>b))\\-", ["a-", "b-"], ["ab-"]],
  ])("may be spelled as only the rules without the u flag allow: %s", (pattern, right, wrong) => {
    const { accepts } = grammarOf(pattern);
    const whole = new RegExp(`^(?:${pattern})$`);
    expect(right.filter((text) => !whole.test(text) || !accepts(text))).toEqual([]);
    expect(wrong.filter((text) => whole.test(text) || accepts(text))).toEqual([]);
  });

  it("is refused, or writes only what matches, whatever it is put together from", () => {
    const piece = fc.constantFrom(
      ...'ab01-^$|()[]{}*+?\\.,_/:"',
      "(?:",
      "(?=",
      "(?!",
      "(?<n>",
      "[^",
      "{1}",
      "{1,2}",
      "\\d",
      "\\W",
      "\\s",
      "\\b",
    );
    const pieces = fc.array(piece, { maxLength: 7 });
    const pattern = fc.oneof(
      pieces,
      pieces.map((inner) => ["[", ...inner, "]"]),
      pieces.map((inner) => ["(", ...inner, ")+"]),
    );
    fc.assert(
      fc.property(pattern, fc.nat(), (parts, seed) => {
        const spelled = parts.join("");
        let text: string;
        try {
          text = grammarOf(spelled).write(seed);
        } catch (error) {
          expect(error).toBeInstanceOf(UnsupportedSchemaError);
          return;
        }
        // Beyond the first 65,536 characters, a pattern without the u flag sees two where there is one.
        expect(
          [...text].some((char) => char.length > 1) || new RegExp(`^(?:${spelled})$`).test(text),
          `${spelled}: ${text}`,
        ).toBe(true);
      }),
    );
  });

  it("has ranges that end at half a character", () => {
    const { accepts } = grammarOf("[a-\\ud83d]");
    expect(["a", "z", "€", "-", "😀"].filter(accepts)).toEqual(["a", "z", "€"]);
  });

  it("is read or refused quickly, for any depth of groups and any number of equal names", () => {
    const nested = (inner: string) => `${"(?:|".repeat(40)}${inner}${")".repeat(40)}`;
    expect(grammarOf(nested(`${nested("(?<n>a)")}|${nested("(?<n>b)")}`)).accepts("b")).toBe(true);
    expect(grammarOf(`${"(".repeat(100)}a${")".repeat(100)}`).accepts("a")).toBe(true);
    expect(grammarOf(`${"[(]\\(".repeat(200)}a`).accepts(`${"((".repeat(200)}a`)).toBe(true);
    expect(() => grammarOf(`${"(".repeat(101)}a${")".repeat(101)}`)).toThrow("nested too deep");
    expect(() => grammarOf(`${"(".repeat(2_000)}a${")".repeat(2_000)}`)).toThrow("nested too deep");
  });

  // Half a minute each, when every range of a set was compared with every border of all.
  it.each([
    ["\\p{L}{1,2000}", "too large"],
    ["(?=\\p{L}*a)(?=\\p{L}*b)\\p{L}{1,500}", "can't be honoured"],
    [`(${Array.from({ length: 300 }, (_, index) => `\\p{L}{${index % 7}}x${index}`).join("|")})`, undefined],
  ])("is quickly written or refused when sets of hundreds of ranges repeat: %s", (pattern, refusal) => {
    if (refusal === undefined) {
      expect(grammarOf(pattern).accepts("äöx2")).toBe(true);
      return;
    }
    expect(() => grammarOf(pattern)).toThrow(refusal);
  });

  it("allows all that matches", () => {
    fc.assert(
      fc.property(
        fc
          .constantFrom(...PATTERNS.filter((pattern) => !UNWRITABLE.test(pattern)))
          .chain((pattern) => fc.tuple(fc.constant(pattern), fc.stringMatching(new RegExp(`^(?:${pattern})$`)))),
        ([pattern, text]) => {
          expect(grammarOf(pattern).accepts(text), `${pattern}: ${text}`).toBe(true);
        },
      ),
    );
  });

  it.each([
    ["(?:(?=a)a)*", "look-ahead"],
    ["(?:(?!a).)*b", "look-ahead"],
    ["(?<=a)b", "look-behind"],
    ["(?<!a)b", "look-behind"],
    ["(a)\\1", "back-reference"],
    ["(?<x>a)\\k<x>", "named back-reference"],
    ["\\p{Nothing}", "Unicode property"],
    ["[\\p{Nothing}]", "Unicode property"],
    ["(?i:a)", "flags"],
    ["(?=a)*b", "look-ahead"],
    ["\\1", "back-reference"],
    ["\\k", "named back-reference"],
    ["\\a", "the escape \\a"],
    ["[\\B]", "the escape \\B"],
    ["\\u{110000}", "Invalid"],
    ["\\01", "Invalid"],
    ["a{9999999999}", "count"],
    ["a(", "not a regular expression"],
    ["[^\\s\\S]", "no text matches"],
    ["a^b", "no text matches"],
  ])("is refused by name: %s", (pattern, name) => {
    expect(() => grammarOf(pattern)).toThrow(name);
  });
});
