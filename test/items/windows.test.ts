import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createWindows, type LineWindow, type WindowOptions } from "../../src/items/windows.ts";
import { createFakeClock } from "../fake-clock.ts";

function setUp(options: Partial<WindowOptions> = {}) {
  const clock = createFakeClock();
  const ended: LineWindow[] = [];
  const windows = createWindows({
    ...{ count: undefined, ms: undefined, keyOf: () => undefined, clock },
    emit: async (window) => void ended.push(window),
    ...options,
  });
  return { clock, windows, ended };
}

const firstLetter = (line: string) => line[0];
const turns = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("windows of lines", () => {
  it("end with so many lines, or so long after their first, whichever comes first", async () => {
    const { clock, windows, ended } = setUp({ count: 2, ms: 1_000 });
    for (const line of ["1", "2", "3"]) await windows.add(line);
    clock.advance(999);
    await turns();
    expect(ended.map(({ lines }) => lines)).toEqual([["1", "2"]]);
    clock.advance(1);
    await turns();
    expect(ended.map(({ lines }) => lines)).toEqual([["1", "2"], ["3"]]);
    expect(clock.pending).toBe(0);
  });

  it("have each line once, in order within its key, whatever comes when", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ key: fc.constantFrom("a", "b", "c"), afterMs: fc.nat(800) }), { maxLength: 40 }),
        fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
        fc.option(fc.integer({ min: 1, max: 1_000 }), { nil: undefined }),
        async (given, count, ms) => {
          const { clock, windows, ended } = setUp({ count, ms, keyOf: firstLetter });
          const lines = given.map(({ key }, index) => `${key}${index}`);
          for (const [index, line] of lines.entries()) {
            clock.advance(given[index]?.afterMs ?? 0);
            await windows.add(line);
          }
          await windows.flush();
          for (const key of ["a", "b", "c"]) {
            const its = ended.filter((window) => window.key === key).flatMap((window) => window.lines);
            expect(its).toEqual(lines.filter((line) => line.startsWith(key)));
          }
          for (const window of ended) expect(window.lines.length).toBeLessThanOrEqual(count ?? lines.length);
          expect(clock.pending).toBe(0);
        },
      ),
    );
  });

  it("let the source wait until a window was taken", async () => {
    const gate = Promise.withResolvers<void>();
    const { windows } = setUp({ count: 1, emit: () => gate.promise });
    let hasGone = false;
    const adding = windows.add("1").then(() => {
      hasGone = true;
    });
    await turns();
    expect(hasGone).toBe(false);
    gate.resolve();
    await adding;
  });
});
