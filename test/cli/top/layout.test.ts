import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { widthOf } from "../../../src/cli/chat/wrap.ts";
import type { Paint } from "../../../src/cli/style.ts";
import { sparkline } from "../../../src/cli/top/figures.ts";
import type { Told } from "../../../src/cli/top/follow.ts";
import { readKeys } from "../../../src/cli/top/keys.ts";
import { layOut, type View } from "../../../src/cli/top/layout.ts";
import { snapshotAt } from "./support.ts";

const URL = "http://127.0.0.1:8080";
const NOON = Date.UTC(2026, 10, 29, 12);
const plain: Paint = (_, words) => words;
const view: View = { isPaused: false, focus: 0, offset: 0 };

function told(given: Parameters<typeof snapshotAt>[1] = {}, more: Partial<Told> = {}): Told {
  const snapshot = snapshotAt(NOON, given);
  return { snapshot, points: [snapshot.point], events: [...snapshot.events], lost: undefined, ...more };
}

const text = (what: Told, columns: number, rows?: number, chosen: View = view) =>
  layOut(what, chosen, { url: URL, columns, ...(rows !== undefined && { rows }), paint: plain }).join("\n");

describe("the screen of sluice top", () => {
  it("has all that a gateway tells, in 80 columns", () => {
    const all = text(told(), 80);
    for (const words of [
      "Sluice 0.1.0 at http://127.0.0.1:8080",
      "live, up 1 min 5 s",
      "35 tokens/s",
      "1 waiting, the last one for 3.1 s more",
      "SLOTS  2 of 3 in use",
      "writes",
      "reads 50 %",
      "QUEUE  1 batch",
      "MODELS  200 MiB of 1.0 GiB",
      "trying again",
      "120/500",
      "2 min 5 s",
      "smollm2-135m-instruct",
      "78 % of 40 answers needed no generation",
      "Redis: reached, 3 hits",
    ]) {
      expect(all).toContain(words);
    }
  });

  it("keeps what matters in 40 columns", () => {
    const all = text(told(), 40);
    for (const words of ["smollm2-", "reads 50 %", "17", "the last one for 3.1 s more", "120/500", "ready"])
      expect(all).toContain(words);
    expect(all).not.toContain("Cached");
  });

  it("is never wider or higher than the terminal, whatever is in the names, and moves nothing in it", () => {
    const hostile = fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
      fc.constantFrom("\u001b[2J\u001b]52;c;eA==\u0007", "名前".repeat(20), "a\u202eb", "\r\nx"),
    );
    fc.assert(
      fc.property(
        fc.record({ name: hostile, columns: fc.integer({ min: 1, max: 120 }), rows: fc.integer({ min: 1, max: 60 }) }),
        fc.record({
          focus: fc.integer({ min: 0, max: 9 }),
          offset: fc.integer({ min: 0, max: 9 }),
          isPaused: fc.boolean(),
        }),
        ({ name, columns, rows }, chosen) => {
          const { models, queue, routes, batches } = snapshotAt(NOON);
          const what = told({
            models: models.map((model) => ({ ...model, id: name })),
            queue: queue.map((each) => ({ ...each, model: name, key: name })),
            routes: routes.map((route) => ({ ...route, route: name, targets: [{ target: name, reason: name }] })),
            batches: batches.map((batch) => ({ ...batch, id: name, paused: name })),
            version: name,
          });
          const shown = layOut(what, chosen, { url: URL, columns, rows, paint: plain });
          expect(shown).toHaveLength(rows);
          for (const row of shown) {
            expect(row).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
            expect(widthOf(row)).toBeLessThanOrEqual(columns);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it("gives the chosen section the room, and scrolls it", () => {
    const events = Array.from({ length: 30 }, (_, at) => ({ at: NOON, model: `m${at}`, state: "ready" as const }));
    const what = told({}, { events });
    expect(text(what, 80, 24)).toContain("> SLOTS");
    const chosen = text(what, 80, 24, { ...view, focus: 6, offset: 5 });
    expect(chosen).toContain("> EVENTS  6 to ");
    expect(chosen).toContain("m24");
    expect(chosen).not.toContain("m29");
  });

  it("says that it is paused, or that the gateway is away", () => {
    expect(text(told(), 80, 24, { ...view, isPaused: true })).toContain("paused, up 1 min 5 s");
    expect(text(told({}, { lost: "No gateway responds." }), 80, 24)).toContain(
      "not reached, what is below is old: No gateway responds.",
    );
  });
});

describe("a sparkline", () => {
  it("has a bar for each of the last values, the highest a whole one", () => {
    expect(sparkline([9, 0, 1, 4, 8], 4)).toBe("▁▁▄█");
    expect(sparkline([0, 0], 9)).toBe("▁▁");
    expect(sparkline([], 9)).toBe("");
  });
});

describe("keys", () => {
  it("are told apart, several at once too, and others are left out", () => {
    expect(readKeys("q")).toEqual(["quit"]);
    expect(readKeys("\u001b[A\u001bOB\t\u001b[Z\u001b[5~p")).toEqual([
      "up",
      "down",
      "next",
      "previous",
      "page-up",
      "pause",
    ]);
    expect(readKeys("ABCZx\u001b")).toEqual([]);
    expect(readKeys("\u0003")).toEqual(["interrupt"]);
  });
});
