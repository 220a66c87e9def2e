import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createByteRoom } from "../../src/items/byte-room.ts";
import { createOpenStreams } from "../../src/items/open-streams.ts";

const never = new AbortController().signal;

describe("room for what is in flight", () => {
  it("is never given beyond a bound, except to one alone, and all get it in the end", async () => {
    const taken = fc.record({ bytes: fc.integer({ min: 1, max: 30 }), key: fc.nat(2), turns: fc.nat(4) });
    await fc.assert(
      fc.asyncProperty(fc.array(taken, { maxLength: 30 }), async (takers) => {
        const room = createByteRoom();
        const all = { max: 20, used: 0 };
        const keys = Array.from({ length: 3 }, () => ({ max: 10, used: 0 }));
        const holders = new Map<{ max: number; used: number }, number>();
        await Promise.all(
          takers.map(async ({ bytes, key, turns }) => {
            const bounds = [...keys.slice(key, key + 1), all];
            const leave = await room.take(bytes, bounds, never);
            for (const bound of bounds) holders.set(bound, (holders.get(bound) ?? 0) + 1);
            for (const bound of bounds) expect(bound.used <= bound.max || holders.get(bound) === 1).toBe(true);
            for (let turn = 0; turn < turns; turn++) await Promise.resolve();
            for (const bound of bounds) holders.set(bound, (holders.get(bound) ?? 0) - 1);
            leave();
            leave();
          }),
        );
        expect([all, ...keys].map(({ used }) => used)).toEqual([0, 0, 0, 0]);
      }),
    );
  });

  it("is given to a large one before the small ones that came later", async () => {
    const room = createByteRoom();
    const bound = { max: 10, used: 0 };
    const order: string[] = [];
    const enter = async (name: string, bytes: number) => {
      const leave = await room.take(bytes, [bound], never);
      order.push(name);
      return leave;
    };
    const first = await enter("first", 6);
    const large = enter("large", 9);
    const small = enter("small", 1);
    expect(order).toEqual(["first"]);
    first();
    await large;
    await small;
    expect(order).toEqual(["first", "large", "small"]);
  });

  it("lets others by when one that waits gives up", async () => {
    const room = createByteRoom();
    const bound = { max: 10, used: 0 };
    await room.take(6, [bound], never);
    const leaving = new AbortController();
    const large = room.take(9, [bound], leaving.signal);
    const small = room.take(1, [bound], never);
    leaving.abort(new Error("gone"));
    await expect(large).rejects.toThrow("gone");
    await small;
    expect(bound.used).toBe(7);
  });
});

describe("open streams", () => {
  it("are so many in all, and fewer of one key, or as many as its requests at once", () => {
    const open = createOpenStreams({ max: 4, maxOfKey: 2, maxBytes: 10 });
    const one = { id: "one", concurrentRequests: 1 };
    const two = { id: "two", concurrentRequests: undefined };
    const first = open.enter(one);
    expect(open.enter(one)).toMatchObject({
      refusal: expect.stringContaining("key has as many streams open as it may (1)"),
    });
    open.enter(two);
    open.enter(two);
    expect(open.enter(two)).toHaveProperty("refusal");
    open.enter(undefined);
    expect(open.enter(undefined)).toMatchObject({ refusal: expect.stringContaining("may be (4)") });
    if ("leave" in first) {
      first.leave();
      first.leave();
    }
    expect(open.enter(one)).toHaveProperty("take");
    expect(open.enter(undefined)).toHaveProperty("refusal");
  });
});
