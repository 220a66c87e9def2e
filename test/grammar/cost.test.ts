import { readdir, readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admitGbnf, MAX_COST } from "../../src/grammar/gbnf/check.ts";
import { estimateCost } from "../../src/grammar/gbnf/cost.ts";
import { parseGbnf } from "../../src/grammar/gbnf/parse.ts";
import { interpret } from "./gbnf.ts";

const LETTER = '("a" | "a" | "a" | "a")';
const many = (term: string, count: number) => Array.from({ length: count }, () => term).join(" ");
const WORDS = Array.from({ length: 1_500 }, (_, index) => `"word ${index}"`).join(" | ");

/** Each holds up llama.cpp for seconds or for ever, and is the same as one that doesn't. */
const COSTLY = [
  ["an optional choice between equal letters, thirty times", `root ::= ${many(`${LETTER}?`, 30)}`, "aaa", "b"],
  ["the same as a repetition of groups", `root ::= "b" (${LETTER}? [a-c]){0,20}`, "baaa", "a"],
  ["an optional letter, two hundred times", `root ::= ${many('"a"?', 200)}`, "aaaa", "ab"],
  ["optional spaces before something else", `root ::= ${many('" "?', 40)} "x"`, "   x", "   "],
  ["equal alternatives, again and again", 'root ::= (" " | " ")* "x"', "    x", "  "],
  ["alternatives that overlap", 'root ::= ([a-z] | [a-y] | "b")* "X"', "abcX", "abc"],
  ["repetitions in repetitions", "root ::= (word space?)+\nword ::= [a-z]+\nspace ::= [ ]+", "ab cd", "ab1"],
  ["a bounded repetition of an ambiguous group", 'root ::= ("ab" | "a" "b"){0,1000}', "abab", "aab"],
  [
    "what is hidden behind a long beginning",
    `root ::= "xyz" [0-9]{9} (${many("[ab]?", 40)} "c")`,
    "xyz123456789abc",
    "c",
  ],
  ["a thousand words that begin alike", `root ::= ${WORDS}`, "word 17", "word x"],
  ["the same in a rule that leads back to itself", `root ::= "(" root ")" | ${WORDS}`, "((word 17))", "((word 17)"],
] as const;

describe("what a client's grammar costs", () => {
  it.each(COSTLY)("is brought down, and its texts are the same: %s", (_, source, right, wrong) => {
    const written = admitGbnf(source, "grammar");
    expect(estimateCost(parseGbnf(written))).toBeLessThanOrEqual(MAX_COST);
    const before = interpret(source);
    const after = interpret(written);
    for (const { accepts } of [before, after]) {
      expect([accepts(right), accepts(wrong)]).toEqual([true, false]);
    }
    for (const seed of [1, 2, 3, 4]) {
      expect(after.accepts(before.write(seed))).toBe(true);
      expect(before.accepts(after.write(seed))).toBe(true);
    }
  });

  it.each([
    ["a tree that is cut in two anywhere", 'root ::= "a" root root? | "a" root | "b"'],
    ["sums of sums", 'root ::= t | "(" root ")"\nt ::= [0-9] t? t? | "(" root ")" t?'],
  ])("is refused when there is no other grammar of the same texts: %s", (_, source) => {
    expect(() => admitGbnf(source, "grammar")).toThrow("too many ways");
    expect(() => admitGbnf(source, "grammar")).toThrow("too many ways");
  });

  it("is low for the grammars that llama.cpp comes with, which stay as they are", async () => {
    const folder = new URL("../../node_modules/node-llama-cpp/llama/grammars/", import.meta.url);
    const names = (await readdir(folder)).filter((name) => name.endsWith(".gbnf"));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const source = await readFile(new URL(name, folder), "utf8");
      expect(admitGbnf(source, "grammar"), name).toBe(source);
    }
  });

  it("is found in time for any grammar", () => {
    const term = fc.constantFrom('"a"', '"a"?', "[a-c]*", '("a" | "b" root)', "(x)?", "x{0,9}", ".", '"ab"');
    const grammars = fc
      .tuple(fc.array(term, { minLength: 1, maxLength: 30 }), fc.array(term, { minLength: 1, maxLength: 30 }))
      .map(([root, x]) => `root ::= "r" ${root.join(" ")}\nx ::= "x" ${x.join(" | ")}`);
    fc.assert(
      fc.property(grammars, fc.nat(), (source, seed) => {
        // Of this thread's own work: others may have the processor meanwhile.
        const before = process.threadCpuUsage();
        let written: string | undefined;
        try {
          written = admitGbnf(source, "grammar");
        } catch {
          // It is refused by name, which the other tests look at.
        }
        expect(process.threadCpuUsage(before).user / 1_000).toBeLessThan(3_000);
        if (written !== undefined && written !== source) {
          expect(interpret(source).accepts(interpret(written).write(seed))).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
