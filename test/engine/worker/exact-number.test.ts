import { describe, expect, test } from "vitest";
import { ExactNumber, exactly, parseExactly } from "../../../src/engine/worker/exact-number.ts";

const spelled = (value: unknown) => (value instanceof ExactNumber ? value.spelling : value);

describe("a number on its way into a prompt", () => {
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
  ])("is spelled as Python spells what it reads: %s", (text, spelling) => {
    expect(spelled(parseExactly(text))).toBe(spelling);
  });

  test("is itself where it was read already, and a double holds it as an integer", () => {
    expect([8, 2 ** 53 - 1].map(exactly)).toEqual([8, 2 ** 53 - 1]);
    expect([0.1, 1e20, 2 ** 63, 1e300].map(exactly).map(spelled)).toEqual([
      "0.1",
      "100000000000000000000",
      "9223372036854775808",
      "1e+300",
    ]);
  });

  test("is found wherever it stands", () => {
    expect(parseExactly('{"a": [1, 2.5, "x"], "b": null}')).toEqual({
      a: [1, new ExactNumber("2.5"), "x"],
      b: null,
    });
  });
});
