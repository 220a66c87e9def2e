import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createOverloadBuffer, OVERLOAD_POLICIES } from "../../src/items/overload.ts";

type Item = { readonly key: string; readonly number: number };

const actions = fc.array(fc.oneof(fc.constantFrom("a", "b", "c", "d"), fc.constant(undefined)), { maxLength: 60 });

describe("a buffer of items that wait", () => {
  it("holds no more than it may, and gives or drops each item once, in every policy", async () => {
    await fc.assert(
      fc.asyncProperty(
        actions,
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(...OVERLOAD_POLICIES),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        async (given, limit, policy, randoms) => {
          const dropped: Item[] = [];
          /** Whether nothing fits until something is taken. */
          const isFull = () => buffer.size >= (policy === "spill" ? 2 * limit : limit);
          const taken: Item[] = [];
          const buffer = createOverloadBuffer<Item>({
            ...{ limit, policy, keyOf: ({ key }) => key, onDrop: (item) => dropped.push(item) },
            random: () => randoms.next().value ?? 0,
          });
          let pushed = 0;
          for (const key of given) {
            if (key === undefined) {
              if (buffer.size > 0) taken.push((await buffer.take()) as Item);
              continue;
            }
            const push = buffer.push({ key, number: pushed++ });
            const isWaiting = (policy === "wait" || policy === "spill") && isFull();
            if (isWaiting) taken.push((await buffer.take()) as Item);
            await push;
            expect(buffer.size).toBeLessThanOrEqual(policy === "spill" ? 2 * limit : limit);
          }
          buffer.end();
          for (let item = await buffer.take(); item !== undefined; item = await buffer.take()) taken.push(item);
          const all = [...taken, ...dropped].map(({ number }) => number).toSorted((a, b) => a - b);
          expect(all).toEqual(Array.from({ length: pushed }, (_, number) => number));
          if (policy === "wait" || policy === "spill") expect(dropped).toEqual([]);
          if (policy !== "latest" && policy !== "spill") {
            expect(taken.map(({ number }) => number)).toEqual(
              all.filter((number) => taken.some((item) => item.number === number)),
            );
          }
        },
      ),
    );
  });

  it("keeps the latest of each key, in the place of the one before", async () => {
    const buffer = createOverloadBuffer<Item>({ limit: 3, policy: "latest", keyOf: ({ key }) => key });
    for (const [number, key] of ["a", "b", "a", "c", "b"].entries()) await buffer.push({ key, number });
    buffer.end();
    const taken = [await buffer.take(), await buffer.take(), await buffer.take(), await buffer.take()];
    expect(taken.map((item) => item?.number)).toEqual([2, 4, 3, undefined]);
  });

  it("samples all items alike", async () => {
    const counts = Array.from({ length: 20 }, () => 0);
    let state = 1;
    const random = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    for (let run = 0; run < 4_000; run++) {
      const buffer = createOverloadBuffer<number>({ limit: 4, policy: "sample", random });
      for (let number = 0; number < 20; number++) await buffer.push(number);
      for (const kept of buffer.clear()) counts[kept] = (counts[kept] ?? 0) + 1;
    }
    // A fifth of 4,000 each; six standard deviations are 152.
    for (const count of counts) expect(Math.abs(count - 800)).toBeLessThan(160);
  });

  it("hands an item to who waits for it at once, and lets who waits go at the end", async () => {
    const buffer = createOverloadBuffer<number>({ limit: 1, policy: "wait" });
    const first = buffer.take();
    await buffer.push(1);
    expect(await first).toBe(1);
    const last = buffer.take();
    buffer.end();
    expect(await last).toBeUndefined();
    await expect(buffer.push(2)).rejects.toThrow("after the end");
  });

  it("gives what doesn't fit to who takes it, and takes it back when nothing else waits", async () => {
    const buffer = createOverloadBuffer<number>({ limit: 2, policy: "spill" });
    const other = buffer.takeSpilled();
    for (let number = 1; number <= 4; number++) await buffer.push(number);
    expect(await other).toBe(3);
    const last = buffer.push(5);
    expect([await buffer.take(), await buffer.take(), await buffer.take()]).toEqual([1, 2, 4]);
    await last;
    buffer.end();
    expect(await buffer.takeSpilled()).toBe(5);
    expect(await buffer.takeSpilled()).toBeUndefined();
    expect(await buffer.take()).toBeUndefined();
  });

  it("lets the source wait only when as much has spilled as waits, until either is taken", async () => {
    for (const from of ["take", "takeSpilled"] as const) {
      const buffer = createOverloadBuffer<number>({ limit: 2, policy: "spill" });
      for (let number = 1; number <= 3; number++) await buffer.push(number);
      let isFree = false;
      const push = buffer.push(4).then(() => {
        isFree = true;
      });
      await new Promise(setImmediate);
      expect(isFree).toBe(false);
      await buffer[from]();
      await push;
      buffer.clear();
    }
  });
});
