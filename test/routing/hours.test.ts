import { describe, expect, it } from "vitest";
import { isWithin } from "../../src/routing/hours.ts";

/** A Sunday. */
function at(hour: number, minute = 0, day = 29): number {
  return Date.UTC(2026, 10, day, hour, minute);
}

describe("times of the day", () => {
  it("include their begin and exclude their end", () => {
    const when = { hours: "08:00-18:00", zone: "UTC" };
    expect([at(7, 59), at(8), at(17, 59), at(18)].map((ms) => isWithin(when, ms))).toEqual([false, true, true, false]);
  });

  it("go over midnight if they end before they begin, and belong to the day on which they begin", () => {
    const when = { hours: "22:00-06:00", days: ["sun"], zone: "UTC" } as const;
    expect([at(23), at(3, 0, 30), at(6, 0, 30), at(3)].map((ms) => isWithin(when, ms))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it("are those of their zone, in summer and in winter", () => {
    const when = { hours: "08:00-09:00", zone: "Europe/Berlin" };
    expect(isWithin(when, at(7, 30))).toBe(true);
    expect(isWithin(when, Date.UTC(2026, 6, 1, 6, 30))).toBe(true);
    expect(isWithin(when, Date.UTC(2026, 6, 1, 7, 30))).toBe(false);
  });

  it("are the whole day where there are only days", () => {
    const when = { days: ["sun"], zone: "America/New_York" } as const;
    expect([at(4, 59), at(5), at(4, 59, 30), at(5, 0, 30)].map((ms) => isWithin(when, ms))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it("may end at midnight", () => {
    const when = { hours: "20:00-24:00", zone: "UTC" };
    expect([at(23, 59), at(0, 0, 30)].map((ms) => isWithin(when, ms))).toEqual([true, false]);
  });
});
