import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { choosePlace, NEAR_MS, type Place } from "../../src/queue/place.ts";

const place = (given: Partial<Place> = {}): Place => ({
  ...{ isDown: false, firstTokenMs: 100, heldShare: 0, load: 0 },
  ...given,
});

const anyPlace = fc.record({
  isDown: fc.boolean(),
  firstTokenMs: fc.integer({ min: 0, max: 100_000 }),
  heldShare: fc.double({ min: 0, max: 1, noNaN: true }),
  load: fc.double({ min: 0, max: 4, noNaN: true }),
});

describe("the place of a request among replicas", () => {
  it("is where most of its prompt is held", () => {
    expect(choosePlace([place({ firstTokenMs: 900 }), place({ firstTokenMs: 40, heldShare: 0.9 })])).toBe(1);
  });

  it("is elsewhere if the wait there is longer than evaluating the prompt takes", () => {
    expect(choosePlace([place({ firstTokenMs: 900 }), place({ firstTokenMs: 2_000, heldShare: 0.9, load: 3 })])).toBe(
      0,
    );
  });

  it("is the least busy of those that are about as good, then the one that holds most", () => {
    const near = place({ firstTokenMs: 100 + NEAR_MS, load: 0 });
    expect(choosePlace([place({ load: 0.5 }), near])).toBe(1);
    expect(choosePlace([place(), place({ heldShare: 0.2, firstTokenMs: 101 })])).toBe(1);
  });

  it("is a replica that has died only if all have", () => {
    expect(choosePlace([place({ isDown: true, firstTokenMs: 0 }), place({ firstTokenMs: 9_000 })])).toBe(1);
    expect(choosePlace([place({ isDown: true }), place({ isDown: true, firstTokenMs: 1 })])).toBe(1);
  });

  it("is never later than another by more than a tenth and ten milliseconds, and the same again", () => {
    fc.assert(
      fc.property(fc.array(anyPlace, { minLength: 1, maxLength: 8 }), (places) => {
        const chosen = places[choosePlace(places)];
        const alive = places.filter(({ isDown }) => !isDown);
        const soonest = Math.min(...(alive.length > 0 ? alive : places).map(({ firstTokenMs }) => firstTokenMs));
        expect(chosen?.firstTokenMs).toBeLessThanOrEqual(soonest * 1.1 + NEAR_MS);
        expect(chosen?.isDown).toBe(alive.length === 0);
        expect(choosePlace(places)).toBe(choosePlace([...places]));
      }),
    );
  });
});
