import { describe, expect, test } from "vitest";
import { spellForPrompt } from "../../../src/engine/worker/exact-number.ts";
import { isNumber } from "../../../src/json/exact-number.ts";
import { readOwnJson } from "../../../src/json/parse.ts";

function spelled(text: string): number | string {
  const value = readOwnJson(text);
  if (!isNumber(value)) throw new Error("not a number");
  return spellForPrompt(value);
}

describe("a number in a prompt", () => {
  // The right sides are what Python 3.11 prints for `json.dumps(json.loads(…))`.
  test.each([
    ["7", 7],
    ["9007199254740993", "9007199254740993"],
    ["12345678901234567890", "12345678901234567890"],
    ["1.0", "1.0"],
    ["1e3", "1000.0"],
    ["48.858370112345", "48.858370112345"],
    ["0.0001", "0.0001"],
    ["0.00001", "1e-05"],
    ["1.5e-10", "1.5e-10"],
    ["1e16", "1e+16"],
    ["-1.5E300", "-1.5e+300"],
    ["0.50", "0.5"],
  ])("is spelled as Python would print it: %s", (text, spelling) => {
    expect(spelled(text)).toBe(spelling);
  });

  test.each(["1e400", "0.10000000000000000000001", "123456789012345678.5"])(
    "keeps its value where Python would change it: %s",
    (text) => {
      expect(spelled(text)).toBe(text);
    },
  );

  test("stays a number if it is a parsed safe integer", () => {
    expect([8, 2 ** 53 - 1].map(spellForPrompt)).toEqual([8, 2 ** 53 - 1]);
    expect([0.1, 1e20, 2 ** 63, 1e300].map(spellForPrompt)).toEqual([
      "0.1",
      "100000000000000000000",
      "9223372036854775808",
      "1e+300",
    ]);
  });
});
