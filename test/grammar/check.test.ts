import { describe, expect, it } from "vitest";
import { checkGbnf } from "../../src/grammar/gbnf/check.ts";

/** llama.cpp's own example of arithmetic, and what its README shows. */
const ARITHMETIC = `# a list
root  ::= (expr "=" ws term "\\n")+
expr  ::= term ([-+*/] term)*
term  ::= ident | num | "(" ws expr ")" ws   # grouped
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \\t\\n]*
any   ::= . [^"\\\\\\x00-\\x1F] "\\u00e9"{2,3} ([a-z
`;

describe("a client's grammar", () => {
  it("is taken as llama.cpp writes it", () => {
    expect(() => checkGbnf(`${ARITHMETIC.replace("([a-z\n", '(\n "x" |\n "y"\n)?\n')}`, "grammar")).not.toThrow();
  });

  it.each([
    ['start ::= "a"', "no rule named root"],
    ["root ::= other", "not defined"],
    ['root ::= "a', "expected"],
    ['root ::= ("a"', "')'"],
    ["root ::= [a-z", "expected"],
    ['root "a"', "'::='"],
    ['root ::= "\\q"', "escape"],
    ['root ::= root "a" | "b"', "begins with itself"],
    ['root ::= e root "a" | "b"\ne ::= f\nf ::= "x"?', "begins with itself"],
    ['root ::= ("a"*)*', "may be empty"],
    ['root ::= "a" ("b"?)+', "may be empty"],
    ['root ::= "a"{5,0}', "repetitions"],
    ['root ::= "a"{0,100000}', "repetitions"],
    ['root ::= ((("a"{100}){100}){100}){100}', "too large"],
    [`root ::= ${"(".repeat(500)}"a"${")".repeat(500)}`, "nested groups"],
    ["root ::= <[5]>", "tokens"],
    [`root ::= "${"a".repeat(70_000)}"`, "longer than"],
    [Array.from({ length: 3_000 }, (_, index) => `r${index} ::= "a"`).join("\n"), "rules"],
  ])("is refused with a reason: %j", (grammar, reason) => {
    expect(() => checkGbnf(grammar, "grammar")).toThrow(reason);
  });

  it.each([
    ['"" | "b"', "r1999", undefined],
    ['"b"', "r1999 | r0", undefined],
    ['"" | "b"', "r1999 root", "begins with itself"],
    ['"" | "b"', "r1999*", "may be empty"],
  ])("is followed through a long chain of rules, last one first: %s behind %s", (last, root, refusal) => {
    const chain = Array.from({ length: 1_990 }, (_, index) => `r${index + 10} ::= r${index + 9}`);
    const grammar = `root ::= ${root}\n${chain.toReversed().join("\n")}\nr9 ::= ${last}\nr0 ::= "c"`;
    const check = () => checkGbnf(grammar, "grammar");
    refusal === undefined ? expect(check).not.toThrow() : expect(check).toThrow(refusal);
  });
});
