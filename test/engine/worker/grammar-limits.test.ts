import { expect, test } from "vitest";
import { findGrammarExcess } from "../../../src/engine/worker/grammar-limits.ts";

test.each([
  'root ::= "yes" | "no"',
  "root ::= [a-z]{1,2000} # a comment with (((((",
  `root ::= ${'"("'.repeat(200)} [(]* "\\"("`,
  `root ::= ${"(".repeat(100)}"a"${")".repeat(100)}`,
])("an ordinary grammar passes: %s", (gbnf) => {
  expect(findGrammarExcess(gbnf)).toBeUndefined();
});

test.each([
  ["a NUL, after which llama.cpp reads nothing", 'root ::= "a"\0"b"', "NUL"],
  ["more text than anybody writes", `root ::= "${"a".repeat(300_000)}"`, "characters"],
  ["groups so deep that the parser's stack would not hold them", `root ::= ${"(".repeat(50_000)}`, "deep"],
  ["a repetition that llama.cpp would never finish to write out", 'root ::= "a"{3,1}', "must not be less"],
  ["a repetition with a comment in it, which could hide such bounds", 'root ::= ("a"{3 #\n,1})', "plain repetition"],
  ["a long literal repeated to gigabytes", `root ::= "${"a".repeat(100_000)}"{2000}`, "repetitions"],
  ["many repetitions", 'root ::= "a"{2000} '.padEnd(20_000, "[a-z]{0,2000} "), "repetitions"],
])("%s is refused, with a reason", (_name, gbnf, reason) => {
  expect(findGrammarExcess(gbnf)).toContain(reason);
});
