import { describe, expect, it, vi } from "vitest";
import { createUsageBook } from "../../src/keys/usage.ts";
import { openState } from "../store/support.ts";
import { key, silent } from "./support.ts";

const DAY_MS = 86_400_000;
const NOW = Date.parse("2026-11-22T23:59:59Z");
const FIGURES = { requests: 1, promptTokens: 10, cachedTokens: 2, completionTokens: 5 };

describe("usage", () => {
  it("is added up by key, model and day in UTC, and written in batches", () => {
    const { usage } = openState();
    const clock = { ms: NOW };
    const add = vi.fn(usage.add);
    const book = createUsageBook({ store: { add }, logger: silent, now: () => clock.ms });
    book.add(key(), "one", FIGURES);
    book.add(key(), "one", { ...FIGURES, errors: 1 });
    book.add(key(), "two", { refusals: 1 });
    clock.ms += 2_000;
    book.add(key(), "one", FIGURES);
    expect(usage.list({})).toEqual([]);
    book.flush();
    book.flush();
    expect(add).toHaveBeenCalledTimes(1);
    const whose = { key: "key_1", name: "alice" };
    const nothing = {
      costNanos: 0,
      millijoules: 0,
      requests: 0,
      promptTokens: 0,
      cachedTokens: 0,
      completionTokens: 0,
      errors: 0,
      refusals: 0,
    };
    expect(usage.list({})).toEqual([
      {
        day: "2026-11-22",
        ...whose,
        model: "one",
        requests: 2,
        promptTokens: 20,
        cachedTokens: 4,
        completionTokens: 10,
        errors: 1,
        refusals: 0,
        costNanos: 0,
        millijoules: 0,
      },
      { day: "2026-11-22", ...whose, model: "two", ...nothing, refusals: 1 },
      { day: "2026-11-23", ...whose, model: "one", ...nothing, ...FIGURES },
    ]);
    expect(usage.list({ key: "ALICE", since: "2026-11-23" })).toHaveLength(1);
    expect(usage.list({ model: "two" })).toHaveLength(1);
    expect(usage.list({ until: "2026-11-22" })).toHaveLength(2);
    expect([...usage.list({ limit: 1 }), ...usage.list({ offset: 1 })]).toEqual(usage.list({}));
    expect(usage.list({ key: "bob" })).toEqual([]);
  });

  it("is written automatically a little later, and kept while it can't be", () => {
    vi.useFakeTimers();
    try {
      const { usage } = openState();
      const add = vi.fn(usage.add).mockImplementationOnce(() => {
        throw new Error("The disk is full.");
      });
      const warn = vi.fn();
      const book = createUsageBook({ store: { add }, logger: { warn }, now: () => NOW });
      book.add(key(), "one", FIGURES);
      vi.advanceTimersByTime(2_000);
      expect(warn).toHaveBeenCalledTimes(1);
      expect(usage.list({})).toEqual([]);
      vi.advanceTimersByTime(2_000);
      expect(usage.list({})).toMatchObject([FIGURES]);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is removed after four hundred days", () => {
    const { usage } = openState();
    const clock = { ms: NOW };
    const book = createUsageBook({ store: usage, logger: silent, now: () => clock.ms });
    book.add(key(), "one", FIGURES);
    book.flush();
    clock.ms += 401 * DAY_MS;
    book.add(key(), "one", FIGURES);
    book.flush();
    expect(usage.list({}).map(({ day }) => day)).toEqual(["2027-12-28"]);
  });
});
