import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EventStream, type Outlet, SERVER_SENT_EVENTS } from "../../../src/http/event-stream.ts";
import { createStreams } from "../../../src/http/streams/streams.ts";
import { loopTurn } from "../support.ts";
import { createHand, numberOf } from "./support.ts";

const GRACE_MS = 30_000;
const KEEP_MS = 300_000;
const BOUND = 256 * 1024;
const SIZE = 4_000;
/** The most memory of one event: each character may take two bytes. */
const EVENT_BYTES = 2 * (SIZE + 128);

type Reader = {
  readonly stream: EventStream;
  readonly got: string[];
  end: "whole" | "cut off" | "left" | undefined;
  pending: Promise<void> | undefined;
};

type Begun = {
  readonly id: string;
  readonly tenant: string;
  readonly readers: Reader[];
  readonly isOver: () => boolean;
  /** Lets the work go on beyond its first events. */
  readonly go: () => void;
};

/** The streams, and clients that read only when they are told to. */
function createBench() {
  const clock = createHand();
  const streams = createStreams({ resumeGraceMs: GRACE_MS, resumeKeepMs: KEEP_MS, resumeBytes: BOUND }, clock);
  const begun: Begun[] = [];
  let isFrozen = false;

  function outletTo(readers: Reader[]): Outlet {
    return {
      accept(stream) {
        readers.push({ stream, got: [], end: undefined, pending: undefined });
        return new Response(null);
      },
    };
  }

  /** @param first so many events come before the work waits for `go` */
  function begin(tenant: string, count: number, letter = "x", first = count): Begun {
    const event = `data: ${letter.repeat(SIZE)}\n\n`;
    const id = `req_${begun.length.toString(16).padStart(32, "0")}`;
    const readers: Reader[] = [];
    const gone = Promise.withResolvers<never>();
    gone.promise.catch(() => {});
    const going = Promise.withResolvers<void>();
    let [sent, isOver] = [0, false];
    const source: EventStream = {
      ...{ headers: {}, opening: "", sendBeatsBy() {} },
      async take() {
        if (sent >= first) await Promise.race([going.promise, gone.promise]);
        if (isOver || isFrozen) return gone.promise;
        sent += 1;
        return { frames: event, isLast: sent === count };
      },
      end() {
        isOver = true;
      },
      leave() {
        isOver = true;
        gone.reject(new Error("The client has left."));
      },
    };
    streams.keep({ id, tenant, framing: SERVER_SENT_EVENTS, onBegun() {} }, outletTo(readers)).accept(source);
    const stream = { id, tenant, readers, isOver: () => isOver, go: going.resolve };
    begun.push(stream);
    return stream;
  }

  /** Has a reader ask once, if it doesn't already. */
  function ask(reader: Reader): void {
    if (reader.end !== undefined || reader.pending !== undefined) return;
    reader.pending = reader.stream.take().then(
      ({ frames, isLast }) => {
        reader.pending = undefined;
        reader.got.push(frames);
        if (!isLast) return;
        reader.end = "whole";
        reader.stream.end();
      },
      () => {
        reader.end ??= "cut off";
        reader.stream.leave();
      },
    );
  }

  return {
    ...{ clock, streams, begun, begin, ask },
    /** Takes a stream up, from an event that is still there. */
    join({ id, tenant, readers }: Begun, after = 0): void {
      try {
        streams.read({ id, tenant, after, outlet: outletTo(readers), onEnd() {} });
      } catch (error) {
        const first = /up to (\d+) were forgotten/.exec(String(error))?.[1];
        if (first !== undefined)
          streams.read({ id, tenant, after: Number(first), outlet: outletTo(readers), onEnd() {} });
      }
    },
    leave(reader: Reader): void {
      if (reader.end !== undefined) return;
      reader.end = "left";
      reader.stream.leave();
    },
    async readAll(reader: Reader): Promise<void> {
      for (;;) {
        const before = reader.got.length;
        ask(reader);
        await settle();
        if (reader.end !== undefined || reader.got.length === before) return;
      }
    },
    /** What the readers can still get although nothing new comes, the longest of each stream. In bytes. */
    async held(): Promise<number> {
      isFrozen = true;
      await settle();
      let bytes = 0;
      for (const { readers } of begun) {
        let most = 0;
        // The newest is the last: what it has read may be forgotten.
        for (const reader of readers) {
          if (reader.end === "left") continue;
          const before = reader.got.length;
          await this.readAll(reader);
          most = Math.max(most, sizeOf(reader.got.slice(before).join("")));
        }
        bytes += most;
      }
      return bytes;
    },
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await loopTurn();
}

function sizeOf(text: string): number {
  return text.includes("ж") ? 2 * text.length : text.length;
}

const WHATS = ["begin", "begin", "join", "ask", "ask", "read", "go", "leave", "remove", "wait"] as const;

type Step = {
  readonly what: (typeof WHATS)[number];
  readonly which: number;
  readonly reader: number;
  readonly tenant: string;
  readonly count: number;
  readonly first: number;
  readonly letter: string;
  readonly ms: number;
};

function stepsOf(whats: readonly Step["what"][]): fc.Arbitrary<Step[]> {
  const step = fc.record({
    what: fc.constantFrom(...whats),
    which: fc.nat({ max: 11 }),
    reader: fc.nat({ max: 3 }),
    tenant: fc.constantFrom("a", "b"),
    count: fc.constantFrom(1, 10, 16, 100, Number.POSITIVE_INFINITY),
    first: fc.constantFrom(2, 12, 100),
    letter: fc.constantFrom("x", "ж"),
    ms: fc.constantFrom(1, GRACE_MS - 1, GRACE_MS, KEEP_MS),
  });
  return fc.array(step, { minLength: 1, maxLength: 40, size: "max" });
}

const steps = stepsOf(WHATS);

/** The readers of one stream come and go while its work goes on. */
const changing = stepsOf(["join", "ask", "read", "leave", "go"]).map((taken): Step[] => [
  { what: "begin", which: 0, reader: 0, tenant: "a", count: Number.POSITIVE_INFINITY, first: 12, letter: "x", ms: 0 },
  ...taken,
]);

/** What clients do. */
async function act(bench: ReturnType<typeof createBench>, taken: readonly Step[]): Promise<void> {
  for (const { what, which, reader: who, tenant, count, first, letter, ms } of taken) {
    const { begun, streams } = bench;
    const stream = begun[which % Math.max(1, begun.length)];
    const reader = stream?.readers.at(-1 - (who % stream.readers.length));
    if (what === "begin") bench.begin(tenant, count, letter, first);
    else if (what === "wait") bench.clock.pass(ms);
    else if (stream === undefined || reader === undefined) continue;
    else if (what === "go") stream.go();
    else if (what === "join") bench.join(stream);
    else if (what === "ask") bench.ask(reader);
    else if (what === "leave") bench.leave(reader);
    else if (what === "remove" && streams.has(stream.id)) streams.remove(stream.id, stream.tenant);
    else if (what === "read") {
      for (let turn = 0; turn < which; turn += 1) {
        bench.ask(reader);
        await loopTurn();
      }
    }
    await settle();
  }
}

describe("kept streams, whatever their readers do", () => {
  it("hold no more memory than is theirs, and an event for each stream, readers of forgotten streams included", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const bench = createBench();
        await act(bench, taken);
        const most = BOUND + bench.begun.length * EVENT_BYTES;
        expect(bench.streams.bytes()).toBeLessThanOrEqual(most);
        expect(await bench.held()).toBeLessThanOrEqual(most);
        bench.streams.close();
        expect(bench.streams.bytes()).toBe(0);
      }),
      { numRuns: 500 },
    );
  }, 60_000);

  it.each([
    ["many streams", steps, 300],
    ["one that goes on", changing, 1_000],
  ])(
    "end their work within the grace when nobody reads any more: %s",
    async (_, actions, numRuns) => {
      await fc.assert(
        fc.asyncProperty(actions, async (taken) => {
          const bench = createBench();
          await act(bench, taken);
          for (const { readers } of bench.begun) readers.forEach(bench.leave);
          await settle();
          bench.clock.pass(GRACE_MS);
          await settle();
          expect(bench.begun.filter(({ isOver }) => !isOver())).toEqual([]);
          await bench.streams.settled();
          bench.clock.pass(KEEP_MS);
          expect(bench.streams.bytes()).toBe(0);
        }),
        { numRuns },
      );
    },
    60_000,
  );

  it("don't keep the stream of another key from whoever reads it", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const bench = createBench();
        await act(bench, taken);
        const { readers } = bench.begin("c", 12, "");
        const [reader] = readers;
        expect(reader).toBeDefined();
        if (reader === undefined) return;
        await bench.readAll(reader);
        const numbers = reader.got.flatMap((frames) => frames.split("\n\n").slice(0, -1)).map(numberOf);
        expect(numbers).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
        expect(reader.end).toBe("whole");
        bench.streams.close();
      }),
      { numRuns: 500 },
    );
  }, 60_000);
});

describe("streams of one key that are connected and not read", () => {
  it("wait for their readers when the memory is full, and lose nothing", async () => {
    const { begin, begun, readAll, streams } = createBench();
    for (let index = 0; index < 12; index += 1) begin("a", 15);
    await settle();
    expect(begun.filter(({ isOver }) => isOver()).length).toBeLessThan(6);
    for (const { readers } of begun) for (const reader of readers) await readAll(reader);
    expect(
      begun.map(({ readers }) => readers.map(({ end, got }) => [end, got.join("").match(/^id/gm)?.length])),
    ).toEqual(begun.map(() => [["whole", 15]]));
    streams.close();
  });

  it("are cut off, the oldest first, where a key that holds less needs the room", async () => {
    const { begin, readAll, streams, join } = createBench();
    const ofA = [1, 2, 3, 4].map(() => begin("a", 15));
    await settle();
    const ofB = begin("b", 10);
    for (const reader of ofB.readers) await readAll(reader);
    const [first, second] = ofA;
    for (const reader of first?.readers ?? []) await readAll(reader);
    expect(first?.readers[0]).toMatchObject({ end: "cut off", got: [] });
    expect(() =>
      streams.read({
        ...{ id: first?.id ?? "", tenant: "a", after: 0 },
        outlet: { accept: () => new Response() },
        onEnd() {},
      }),
    ).toThrow("newer streams needed its memory");
    for (const reader of second?.readers ?? []) await readAll(reader);
    expect(second?.readers[0]?.end).toBe("whole");
    join(ofB);
    expect(ofB.readers.length).toBe(2);
    streams.close();
  });
});

describe("a reader that is left behind by another one", () => {
  it("is cut off and counts no more, so the grace begins when the other has left", async () => {
    const { begin, ask, join, leave, clock } = createBench();
    const stream = begin("a", Number.POSITIVE_INFINITY, "x", 12);
    await settle();
    join(stream);
    const [one, other] = stream.readers;
    expect([one, other]).not.toContain(undefined);
    if (one === undefined || other === undefined) return;
    ask(other);
    await settle();
    leave(other);
    // What the other has read makes room, though the one that is still connected has not read it.
    stream.go();
    await settle();
    leave(one);
    clock.pass(GRACE_MS);
    await settle();
    expect(stream.isOver()).toBe(true);
  });
});

describe("an ended stream that is still read when its time is over", () => {
  it("is forgotten when its reader leaves, and until then it is counted", async () => {
    const { begin, clock, leave, streams } = createBench();
    const stream = begin("a", 10);
    await settle();
    clock.pass(KEEP_MS);
    expect(streams.bytes()).toBeGreaterThan(10 * SIZE);
    stream.readers.forEach(leave);
    clock.pass(0);
    expect(streams.bytes()).toBe(0);
  });
});
