import { expect, test } from "vitest";
import { formatColumns, formatEstimate, formatNumber, formatSpread } from "../../../bench/report/format.ts";

test("a number shows the digits that count", () => {
  expect([0.0712, 9.84, 12.34, 128.4, 12_400.4].map(formatNumber)).toEqual(["0.07", "9.84", "12.3", "128", "12,400"]);
  expect(formatNumber(Number.NaN)).toBe("–");
});

test("a spread of one value is that value", () => {
  expect(formatSpread({ median: 82.14, low: 80.4, high: 83, count: 5 })).toBe("82.1 (80.4–83.0)");
  expect(formatSpread({ median: 82.14, low: 82.14, high: 82.14, count: 1 })).toBe("82.1");
});

test("a small ratio shows a digit more, so that it can be held against a small target", () => {
  expect(formatEstimate({ value: 0.0361, low: 0.03, high: 0.0792 })).toBe("0.036 [0.030, 0.079]");
  expect(formatEstimate({ value: 1.041, low: Number.NaN, high: Number.NaN })).toBe("1.04");
});

test("columns line up, words to the left and numbers to the right", () => {
  expect(
    formatColumns(
      [
        ["a", "1"],
        ["long", "100"],
      ],
      1,
    ),
  ).toBe("a       1\nlong  100");
});
