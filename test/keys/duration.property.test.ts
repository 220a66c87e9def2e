import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDate, parseDuration, parseEnd } from "../../src/keys/duration.ts";

const UNITS = [
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 604_800_000],
] as const;
const NOW = Date.parse("2026-11-22T12:00:00Z");

describe("a duration", () => {
  it("is a whole number of its unit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.constantFrom(...UNITS), (count, [unit, ms]) => {
        expect(parseDuration(`${count}${unit}`)).toBe(count * ms);
      }),
    );
  });

  it("is a positive number of ms within a century, or undefined, for any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{1,20}(ms|s|m|h|d|w)$/)), (text) => {
        const ms = parseDuration(text);
        expect(ms === undefined || (Number.isSafeInteger(ms) && ms > 0 && ms <= 3_162_240_000_000)).toBe(true);
      }),
    );
  });

  it.each(["", "0s", "-1d", "1.5h", "30", "d", "1 d", "99999999w", "1D"])("is not %j", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe("a date", () => {
  it("is the beginning of its day in UTC, for every day", () => {
    const days = fc.date({ min: new Date("2000-01-01"), max: new Date("2999-12-31"), noInvalidDate: true });
    fc.assert(
      fc.property(days, (date) => {
        const day = date.toISOString().slice(0, 10);
        expect(parseDate(day)).toBe(Date.parse(`${day}T00:00:00Z`));
        expect(parseDate(date.toISOString())).toBe(date.getTime());
      }),
    );
  });

  it.each(["2027-02-30", "2027-13-01", "2027-1-1", "tomorrow", "2027-01-01T10:00", ""])("is not %j", (text) => {
    expect(parseDate(text)).toBeUndefined();
  });
});

describe("an end", () => {
  it("lies in the future", () => {
    expect(parseEnd("30d", NOW)).toBe(NOW + 30 * 86_400_000);
    expect(parseEnd("2026-11-23", NOW)).toBe(Date.parse("2026-11-23T00:00:00Z"));
    expect(parseEnd("2026-11-22", NOW)).toBeUndefined();
  });
});
