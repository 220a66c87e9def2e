import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Busy, drawTargets } from "../../src/routing/draw.ts";
import { createRing } from "../../src/routing/ring.ts";

const targetsOf = (count: number, weight = 1) =>
  Array.from({ length: count }, (_, index) => ({ name: `engine-${index}`, model: `engine-${index}`, weight }));
const sessions = Array.from({ length: 4_000 }, (_, index) => `session-${index}`);

describe("a ring of targets", () => {
  it("moves only the sessions of a target that goes, whatever the targets are", () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 3, maxLength: 60 });
    fc.assert(
      fc.property(names, fc.nat(), (all, at) => {
        const gone = at % all.length;
        const [before, after] = [all, all.filter((_, index) => index !== gone)].map((some) => {
          const ring = createRing(some.map((name) => ({ name, weight: 1 })));
          return (session: string) => ring.walk(session, 2).map((index) => some[index]);
        });
        for (const session of sessions.slice(0, 50)) {
          const [first, second] = before?.(session) ?? [];
          expect(after?.(session)[0]).toBe(first === all[gone] ? second : first);
        }
      }),
    );
  });

  it("gives each session different targets, and all of them if it asks for so many", () => {
    const ring = createRing(targetsOf(40));
    for (const session of sessions.slice(0, 100)) {
      expect(new Set(ring.walk(session, 8)).size).toBe(8);
      expect([...ring.walk(session, 100)].sort((one, other) => one - other)).toEqual(
        targetsOf(40).map((_, index) => index),
      );
    }
  });

  it("shares sessions by weight, and gives none to a weight of 0", () => {
    const ring = createRing([...targetsOf(20), { name: "heavy", weight: 10 }, { name: "off", weight: 0 }]);
    const counts = new Map<number, number>();
    for (const session of sessions) {
      const [first = -1] = ring.walk(session, 1);
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    expect((counts.get(20) ?? 0) / sessions.length).toBeGreaterThan(0.25);
    expect((counts.get(20) ?? 0) / sessions.length).toBeLessThan(0.42);
    expect(counts.get(21)).toBeUndefined();
  });
});

describe("the draw of many targets", () => {
  const route = { name: "r", targets: targetsOf(1_000) };
  const idle: Busy = () => 0;

  it("is the same for the same session, and looks at few of them", () => {
    const [first = -1, second = -1] = drawTargets(route, "s", idle)[0] ?? [];
    expect(drawTargets(route, "s", idle)[0]?.slice(0, 2)).toEqual([first, second]);
    const asked = new Set<number>();
    drawTargets(route, "s", (index) => {
      asked.add(index);
      return 0;
    });
    expect(asked.has(first) && asked.has(second)).toBe(true);
    expect(asked.size).toBe(8);
  });

  it("goes on to the next when one is much busier than the least busy, or can't answer", () => {
    const [first = -1, second = -1, third] = drawTargets(route, "s", idle)[0] ?? [];
    const with1 =
      (inHand: number): Busy =>
      (index) =>
        index === first ? inHand : 2;
    expect(drawTargets(route, "s", with1(3))[0]?.[0]).toBe(first);
    expect(drawTargets(route, "s", with1(4))[0]?.slice(0, 3)).toEqual([second, first, third]);
    expect(drawTargets(route, "s", with1(Number.POSITIVE_INFINITY))[0]?.[0]).toBe(second);
  });

  it("keeps targets without weights at their places", () => {
    const targets = [{ model: "a" }, ...targetsOf(40), { model: "z" }];
    const places = drawTargets({ name: "r", targets }, "s", idle);
    expect(places.map(({ length }) => length)).toEqual([1, 8, 1]);
    expect([places[0], places[2]]).toEqual([[0], [41]]);
  });
});
