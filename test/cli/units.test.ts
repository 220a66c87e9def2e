import { describe, expect, it } from "vitest";
import { formatBytes, formatDuration } from "../../src/cli/units.ts";

describe("formatBytes", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [98_362_432, "93.8 MiB"],
    [253_113_024, "241 MiB"],
    [5 * 1024 ** 3, "5.0 GiB"],
    [3000 * 1024 ** 4, "3000 TiB"],
  ])("%i is %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe("formatDuration", () => {
  it.each([
    [0, "0 s"],
    [1, "1 s"],
    [59_001, "1 min"],
    [200_000, "3 min 20 s"],
    [3_600_000, "1 h"],
    [7_500_000, "2 h 5 min"],
  ])("%i ms is %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
