import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { choosePutOut, type Occupant, uselessness } from "../../src/residence/choose.ts";

const MIB = 1024 ** 2;

const occupants = fc
  .array(
    fc.record({
      bytes: fc.integer({ min: 1, max: 64 }).map((mib) => mib * MIB),
      idleMs: fc.integer({ min: 0, max: 10_000_000 }),
      loadMs: fc.integer({ min: 1, max: 100_000 }),
    }),
    { maxLength: 12 },
  )
  .map((all): readonly Occupant[] => all.map((each, index) => ({ ...each, id: `model-${index}` })));
const lacking = fc.integer({ min: 1, max: 400 }).map((mib) => mib * MIB);

function bytesOf(all: readonly Occupant[], ids: readonly string[]): number {
  return all.filter(({ id }) => ids.includes(id)).reduce((sum, { bytes }) => sum + bytes, 0);
}

describe("the choice of the models that are put out", () => {
  it("frees enough, or nothing if all together are not enough", () => {
    fc.assert(
      fc.property(occupants, lacking, (idle, lackingBytes) => {
        const chosen = choosePutOut(idle, lackingBytes);
        const all = bytesOf(
          idle,
          idle.map(({ id }) => id),
        );
        if (all < lackingBytes) expect(chosen).toBeUndefined();
        else expect(bytesOf(idle, chosen ?? [])).toBeGreaterThanOrEqual(lackingBytes);
      }),
    );
  });

  it("puts out none without which it would be enough", () => {
    fc.assert(
      fc.property(occupants, lacking, (idle, lackingBytes) => {
        const chosen = choosePutOut(idle, lackingBytes) ?? [];
        for (const spared of chosen) {
          const others = chosen.filter((id) => id !== spared);
          expect(bytesOf(idle, others)).toBeLessThan(lackingBytes);
        }
      }),
    );
  });

  it("keeps a model rather than a less valuable one of its size", () => {
    fc.assert(
      fc.property(occupants, lacking, fc.integer({ min: 1, max: 64 }), (given, lackingBytes, mib) => {
        const idle = given.map((each) => ({ ...each, bytes: mib * MIB }));
        const chosen = choosePutOut(idle, lackingBytes);
        if (chosen === undefined) return;
        const kept = idle.filter(({ id }) => !chosen.includes(id)).map(uselessness);
        const gone = idle.filter(({ id }) => chosen.includes(id)).map(uselessness);
        expect(Math.max(0, ...kept)).toBeLessThanOrEqual(Math.min(Number.POSITIVE_INFINITY, ...gone));
      }),
    );
  });

  it("prefers what was idle for longer, and of two that were idle as long what loads faster", () => {
    const occupant = (id: string, idleMs: number, loadMs: number) => ({ id, bytes: MIB, idleMs, loadMs });
    expect(choosePutOut([occupant("recent", 1_000, 500), occupant("old", 60_000, 500)], MIB)).toEqual(["old"]);
    expect(choosePutOut([occupant("slow", 60_000, 30_000), occupant("quick", 60_000, 500)], MIB)).toEqual(["quick"]);
    expect(choosePutOut([occupant("large", 60_000, 30_000), occupant("small", 5_000, 500)], MIB)).toEqual(["small"]);
  });
});
