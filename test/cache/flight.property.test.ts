import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFlight, type Recording } from "../../src/cache/flight.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { byHand, saying, settled } from "./support.ts";

const BROKEN = new Error("Broken.");

/** Someone who listens, and what he got. */
type Seat = {
  readonly iterator: AsyncIterator<GenerationEvent>;
  readonly leave: AbortController;
  readonly got: GenerationEvent[];
  /** `next()` that has no answer yet. */
  pending: Promise<void> | undefined;
  outcome: "open" | "done" | "failed" | "left";
};

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant("say" as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("join" as const) }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("read" as const), seat: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("leave" as const), seat: fc.nat(5), byReturn: fc.boolean() }) },
);
const finale = fc.constantFrom("end" as const, "fail" as const, "none" as const);

function read(seat: Seat): void {
  if (seat.pending !== undefined) return;
  seat.pending = seat.iterator.next().then(
    (result) => {
      seat.pending = undefined;
      if (result.done !== true) seat.got.push(result.value);
      else if (seat.outcome === "open") seat.outcome = "done";
    },
    (error: unknown) => {
      seat.pending = undefined;
      if (seat.outcome === "open") seat.outcome = error === BROKEN ? "failed" : "left";
    },
  );
}

describe("a generation with several listeners", () => {
  it("gives each listener all events in order and the end, and is cancelled when the last has left", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), finale, async (steps, last) => {
        const engine = byHand();
        const recordings: (Recording | undefined)[] = [];
        const flight = createFlight({
          run: (signal) => engine.generate({ signal }),
          onEnd: (each) => recordings.push(each),
        });
        const script = saying(...Array.from({ length: 40 }, (_, index) => `${index}`));
        const said: GenerationEvent[] = [];
        const seats: Seat[] = [];
        let isAbandoned = false;

        const join = () => {
          const leave = new AbortController();
          seats.push({ iterator: flight.listen(leave.signal), leave, got: [], pending: undefined, outcome: "open" });
        };
        const present = () => seats.filter(({ outcome }) => outcome === "open");
        join();
        for (const each of steps) {
          if (isAbandoned) break;
          const seat = "seat" in each ? seats[each.seat % seats.length] : undefined;
          if (each.type === "join") {
            join();
          } else if (each.type === "say") {
            const event = script[said.length];
            if (event !== undefined) {
              said.push(event);
              engine.say(event);
            }
          } else if (each.type === "read" && seat?.outcome === "open") {
            read(seat);
          } else if (each.type === "leave" && seat?.outcome === "open") {
            seat.outcome = "left";
            if (each.byReturn) await seat.iterator.return?.();
            else seat.leave.abort();
            isAbandoned = present().length === 0;
          }
          await settled();
          for (const { got } of seats) expect(got).toEqual(said.slice(0, got.length));
        }

        if (!isAbandoned && last === "end") engine.end();
        if (!isAbandoned && last === "fail") engine.fail(BROKEN);
        await settled();
        if (!isAbandoned && last === "none") {
          for (const seat of present()) await seat.iterator.return?.();
          isAbandoned = true;
        } else {
          for (const seat of present()) {
            while (seat.outcome === "open") {
              read(seat);
              await seat.pending;
            }
            expect(seat.outcome).toBe(last === "end" ? "done" : "failed");
            expect(seat.got).toEqual(said);
          }
        }
        await settled();
        expect(engine.runs()).toBe(1);
        expect(engine.isCancelled()).toBe(isAbandoned);
        expect(flight.isOpen()).toBe(false);
        // What was cut off is never handed on to be kept.
        expect(recordings).toHaveLength(1);
        expect(recordings[0]?.events).toEqual(!isAbandoned && last === "end" ? said : undefined);
      }),
      { numRuns: 200 },
    );
  });

  it("doesn't wait for a slow listener, which fails when too much is unread", async () => {
    const engine = byHand();
    const recordings: (Recording | undefined)[] = [];
    const flight = createFlight({
      run: (signal) => engine.generate({ signal }),
      onEnd: (each) => recordings.push(each),
      maxBytes: 1_000,
    });
    const { signal } = new AbortController();
    const [fast, slow] = [flight.listen(signal), flight.listen(signal)];
    const events = saying(...Array.from({ length: 50 }, (_, index) => `piece ${index}`));
    const got: GenerationEvent[] = [];
    for (const event of events) {
      engine.say(event);
      const { value } = await fast.next();
      got.push(value);
    }
    expect(got).toEqual(events);
    await expect(slow.next()).rejects.toThrow("waiting to be read");
    expect(await slow.next()).toEqual({ done: true, value: undefined });
    expect(flight.isOpen()).toBe(false);
    engine.end();
    expect(await fast.next()).toEqual({ done: true, value: undefined });
    expect(recordings).toEqual([undefined]);
  });

  it("runs without listeners if it is its own", async () => {
    const engine = byHand();
    const recordings: (Recording | undefined)[] = [];
    createFlight({ run: (signal) => engine.generate({ signal }), onEnd: (each) => recordings.push(each), isOwn: true });
    for (const event of saying("Hi")) engine.say(event);
    engine.end();
    await settled();
    expect(recordings[0]?.events).toEqual(saying("Hi"));
  });

  it("reports its failure even if it can't begin", async () => {
    const flight = createFlight({
      run: () => {
        throw BROKEN;
      },
      onEnd: () => {},
    });
    await expect(flight.listen(new AbortController().signal).next()).rejects.toThrow(BROKEN);
  });
});
