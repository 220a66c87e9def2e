import { expect, it } from "vitest";
import { count, formatBytes, formatMs, formatNumber, formatShare, NOTHING } from "../../pages/frame/format.ts";

it.each([
  [0, "0"],
  [7, "7"],
  [1234, "1,234"],
  [0.456, "0.46"],
  [12.34, "12.3"],
  [123.4, "123"],
  [undefined, NOTHING],
  [Number.NaN, NOTHING],
])("writes %s as %s", (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

it.each([
  [0.42, "0.4 ms"],
  [9.94, "9.9 ms"],
  [12.3, "12 ms"],
  [999.6, "1.00 s"],
  [1_234, "1.23 s"],
  [12_340, "12.3 s"],
  [59_960, "1 min 0 s"],
  [125_000, "2 min 5 s"],
  [3_599_900, "1 h 0 min"],
  [4_320_000, "1 h 12 min"],
  [10 * 86_400_000, "10 days"],
  [undefined, NOTHING],
])("writes %s ms as %s", (ms, text) => {
  expect(formatMs(ms)).toBe(text);
});

it.each([
  [512, "512 B"],
  [1_023, "1.0 KiB"],
  [1_536, "1.5 KiB"],
  [150 * 1024 ** 2, "150 MiB"],
  [1.4 * 1024 ** 3, "1.4 GiB"],
  [undefined, NOTHING],
])("writes %s bytes as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it("writes shares and counts", () => {
  expect([formatShare(0.874), formatShare(undefined)]).toEqual(["87 %", NOTHING]);
  expect([count(1, "slot"), count(2, "slot"), count(0, "reply", "replies")]).toEqual([
    "1 slot",
    "2 slots",
    "0 replies",
  ]);
});
