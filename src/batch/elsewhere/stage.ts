import type { Logger } from "pino";
import type { Clock } from "../../clock.ts";
import type { BatchRecord, Elsewhere as LiveElsewhere } from "../../store/batches.ts";
import type { SegmentStore } from "../../store/segments.ts";
import type { Door } from "../attempt.ts";
import type { Ledger } from "../ledger.ts";
import type { Progress } from "../progress.ts";
import { type Input, type Line, readLines } from "../read-lines.ts";
import type { End } from "../requests.ts";
import type { Room } from "../room.ts";
import { skipDone } from "../skip-done.ts";
import { createCourier } from "./courier.ts";
import { type Bounds, type Measure, measureNext, type Reading } from "./plan.ts";
import { type Elsewhere, type Remote, RemoteError, type Target } from "./remote.ts";
import { newSegment, pauseFor, readSegment, type Segment } from "./segment.ts";
import { takeResults } from "./take.ts";

export type StageOptions = {
  readonly record: BatchRecord;
  readonly segments: SegmentStore;
  readonly elsewhere: Elsewhere;
  /** The model of all requests; undefined if they have several. */
  readonly model: () => string | undefined;
  readonly isCancelled: () => boolean;
  /** Makes requests one by one. */
  readonly make: (lines: ReturnType<typeof skipDone>) => Promise<End>;
  readonly door: Door;
  readonly room: Room;
  readonly maxLineBytes: number;
  /** What a segment may have; OpenAI's bounds if absent. */
  readonly bounds?: Bounds | undefined;
  readonly clock: Clock;
  /** The time in Unix ms. */
  readonly now: () => number;
  readonly logger: Logger;
};

/** What becomes of a batch: it waits until that time of the clock, has come to its end, or goes on one by one. */
type StageEnd = { readonly untilMs: number } | { readonly end: End } | "over";

/** The part of a batch's work that another server does, in batches of its own. */
export type Stage = {
  /** Goes on until it must wait. It may be called again at any time, by another process too. */
  readonly run: (given: Given) => Promise<StageEnd>;
  /** What is with the server; undefined if nothing is. */
  readonly live: (progress: Progress) => LiveElsewhere | undefined;
  /** Why it waits, in a sentence. */
  readonly trouble: () => string | undefined;
  /** Has the servers stop, since nobody will take what they answer. */
  readonly abandon: (signal: AbortSignal) => Promise<void>;
};

type Given = {
  readonly input: Input;
  readonly book: Ledger;
  /** Where lines end. */
  readonly ends: Map<number, number>;
  readonly signal: AbortSignal;
};

/** So many segments are with the server at once. */
const MAX_OPEN = 4;

/** The part of the window that the server has. What it has not answered then is asked one by one in the rest. */
const SHARE_OF_WINDOW = 7 / 8;

/** OpenAI takes ten minutes to stop. What is not there after this is not waited for. */
const MAX_STOP_MS = 900_000;

const OUTAGE_PAUSE_MS = 2_000;
const ROOM_PAUSE_MS = 10_000;

export function createStage(options: StageOptions): Stage {
  const { record, segments: store, elsewhere, isCancelled, door, room, maxLineBytes, clock, now, logger } = options;
  const { id, endpoint } = record;
  const handBackMs = record.createdMs + SHARE_OF_WINDOW * (record.endsMs - record.createdMs);
  const known: Segment[] = [];
  /** The sizes of segments that were found out in this run. */
  const measured = new Map<number, Measure>();
  const courier = createCourier({ batch: id, endpoint, put, now, logger });

  function load(): void {
    if (known.length === 0) known.push(...store.list(id).map(readSegment));
  }

  function put(segment: Segment): Segment {
    store.put(id, segment.number, JSON.stringify(segment));
    known[segment.number] = segment;
    return segment;
  }

  function isStopping(): boolean {
    return isCancelled() || now() >= handBackMs;
  }

  /** Whether a server that should stop has had its time. */
  function isLate({ stoppedMs }: Segment): boolean {
    return stoppedMs !== null && now() >= stoppedMs + MAX_STOP_MS;
  }

  async function run(given: Given): Promise<StageEnd> {
    load();
    let fate: StageEnd = "over";
    for (;;) {
      if (given.signal.aborted) return { end: "stopped" };
      const model = options.model();
      const target = model === undefined || isStopping() ? undefined : elsewhere.targetFor(model);
      if (target === "awaited") return { untilMs: clock.now() + OUTAGE_PAUSE_MS };
      const waitMs = await advanceAll(given, target);
      const first = known.find(({ state }) => state !== "done");
      if (first === undefined) {
        await cleanAll(given.signal);
        return fate;
      }
      if (first.state !== "ended" && first.state !== "taken") return { untilMs: clock.now() + waitMs };
      const end = await finish(first, given);
      // Others are still with the server.
      if (end !== undefined && "end" in end && (end.end === "expired" || end.end === "cancelled")) fate = end;
      else if (end !== undefined) return end;
    }
  }

  /** Returns after which time the servers are asked again. */
  async function advanceAll(given: Given, target: Target | undefined): Promise<number> {
    let waitMs = Number.POSITIVE_INFINITY;
    for (const { number } of [...known]) waitMs = Math.min(waitMs, await advance(number, given, target));
    while (target !== undefined && (await planNext(given, target))) {
      waitMs = Math.min(waitMs, await advance(known.length - 1, given, target));
    }
    return waitMs;
  }

  /** Adds a segment behind the others. Returns whether there is one. */
  async function planNext({ input, book, signal }: Given, target: Target): Promise<boolean> {
    const open = known.filter(({ state }) => state !== "done");
    if (open.length >= MAX_OPEN || known.some(({ isRefused, trouble }) => isRefused || trouble !== null)) return false;
    const begin = known.at(-1)?.end ?? book.progress.next;
    const size = await measureNext(readingOf(input, book, target, signal), begin, options.bounds);
    if (size === undefined) return false;
    const number = known.length;
    const { upstream, id: own, model } = target;
    measured.set(number, size);
    put(newSegment({ number, state: "planned", upstream, target: own, model, begin, ...size, createdMs: now() }));
    return true;
  }

  function readingOf(input: Input, book: Ledger, { write }: Target, signal: AbortSignal): Reading {
    return { input, endpoint, maxLineBytes, write, done: new Set(book.progress.beyond), signal };
  }

  /** Goes on with a segment until its server must be waited for. Returns how long that is. */
  async function advance(number: number, given: Given, target: Target | undefined): Promise<number> {
    for (;;) {
      const segment = known[number];
      if (segment === undefined || !isWithServer(segment)) return Number.POSITIVE_INFINITY;
      const waitMs = segment.notBeforeMs - now();
      if (waitMs > 0 && segment.state === "uploaded" && !isStopping()) return waitMs;
      try {
        const { state } = await step(segment, given, target);
        if (state === segment.state) return pauseFor(segment, now());
        if (segment.trouble !== null)
          logger.info({ batch: id, upstream: segment.upstream }, "an upstream answers again");
      } catch (error) {
        if (!(error instanceof RemoteError)) throw error;
        if (error.failure === "away" || segment.state === "created" || isStopping()) {
          noteTrouble(known[number] ?? segment, error);
          return Math.max(OUTAGE_PAUSE_MS, pauseFor(segment, now()));
        }
        logger.warn({ batch: id, upstream: segment.upstream, err: error }, REFUSED);
        put({ ...(known[number] ?? segment), state: "ended", isRefused: true });
      }
    }
  }

  async function step(segment: Segment, { input, book, signal }: Given, target: Target | undefined): Promise<Segment> {
    const remote = elsewhere.remoteOf(segment.upstream);
    if (remote === undefined || isLate(segment)) {
      const why = remote === undefined ? "is no longer there" : "has not stopped in time";
      logger.warn({ batch: id, upstream: segment.upstream }, `an upstream with a part of a batch ${why}`);
      return put({ ...segment, state: "ended", trouble: null });
    }
    const at = { segment, remote, signal };
    const isSame = target?.upstream === segment.upstream && target.model === segment.model;
    if (isStopping()) return courier.stop(at);
    if (segment.state === "created") return courier.poll(at);
    if (target === undefined || !isSame) return courier.stop(at);
    if (segment.state === "uploaded") return courier.create(at);
    return courier.upload(at, readingOf(input, book, target, signal), measured.get(segment.number));
  }

  /** Told once for each outage. */
  function noteTrouble(segment: Segment, error: RemoteError): void {
    if (segment.trouble === null)
      logger.warn(
        { batch: id, upstream: segment.upstream, err: error },
        "an upstream with a part of a batch is waited for",
      );
    put({ ...segment, trouble: error.message });
  }

  /** Takes the results of the first segment, and has the rest of its lines answered. Returns what that ends with, unless it goes on. */
  async function finish(first: Segment, given: Given): Promise<Exclude<StageEnd, "over"> | undefined> {
    const { book, input, ends, signal } = given;
    const remote = elsewhere.remoteOf(first.upstream);
    let segment = first;
    if (segment.state === "ended") {
      const end = remote && (await take(segment, remote, given));
      if (end !== undefined) return end;
      segment = put({ ...(known[segment.number] ?? segment), state: "taken", trouble: null });
    }
    if (remote !== undefined) segment = await courier.clean({ segment, remote, signal });
    if (!isCancelled() && now() < record.endsMs) {
      const rest = until(readLines(input, book.progress.next, maxLineBytes), segment.end.line);
      const end = await options.make(skipDone(rest, new Set(book.progress.beyond), ends));
      if (end === "stopped" || end === "refused" || end === "full") return { end };
      put({ ...segment, state: "done" });
      return end === "completed" ? undefined : { end };
    }
    put({ ...segment, state: "done" });
    return undefined;
  }

  async function take(segment: Segment, remote: Remote, given: Given): Promise<{ untilMs: number } | undefined> {
    if (isLate(segment)) return undefined;
    try {
      const taken = await takeResults({ ...given, segment, remote, endpoint, door, maxLineBytes, room });
      if (taken.isFull) return { untilMs: clock.now() + ROOM_PAUSE_MS };
      const { upstream, lines } = segment;
      if (taken.isCut) logger.warn({ batch: id, upstream }, TOO_MUCH);
      logger.info({ batch: id, upstream, lines, ...taken }, "a part of a batch was taken from an upstream");
      return undefined;
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      const stopped = isStopping() && segment.stoppedMs === null ? { ...segment, stoppedMs: now() } : segment;
      noteTrouble(stopped, error);
      return { untilMs: clock.now() + Math.max(OUTAGE_PAUSE_MS, pauseFor(segment, now())) };
    }
  }

  /** What could not be deleted at its time. */
  async function cleanAll(signal: AbortSignal): Promise<void> {
    for (const before of [...known]) {
      const remote = before.files.length === 0 ? undefined : elsewhere.remoteOf(before.upstream);
      const { files, upstream } =
        remote === undefined ? before : await courier.clean({ segment: before, remote, signal });
      if (files.length > 0) logger.warn({ batch: id, upstream, files }, "files of a batch are left at an upstream");
    }
  }

  function live(progress: Progress): LiveElsewhere | undefined {
    const there = known.filter((segment) => isWithServer(segment) || segment.state === "ended");
    const [first] = there;
    if (first === undefined) return undefined;
    return {
      upstream: first.upstream,
      requests: there.reduce((sum, { lines }) => sum + lines, 0),
      completed: there.reduce((sum, each) => sum + Math.max(0, each.completed - doneIn(each, progress)), 0),
    };
  }

  return {
    run,
    live,
    trouble: () => known.find(({ state, trouble }) => state !== "done" && trouble !== null)?.trouble ?? undefined,
    async abandon(signal) {
      load();
      for (const segment of known.filter(isWithServer)) {
        const remote = elsewhere.remoteOf(segment.upstream);
        if (remote !== undefined) await courier.stop({ segment, remote, signal });
      }
    },
  };
}

const REFUSED = "an upstream takes no batches: their requests are made one by one";
const TOO_MUCH = "an upstream's file of results is far too long: what it does not answer by then is made here";

function isWithServer({ state }: Segment): boolean {
  return state === "planned" || state === "uploaded" || state === "created";
}

/** How many lines of it have a result. */
function doneIn({ begin, end }: Segment, { next, beyond }: Progress): number {
  const before = Math.max(0, Math.min(next.line, end.line) - begin.line);
  return before + beyond.filter((line) => line >= begin.line && line < end.line).length;
}

async function* until(lines: AsyncGenerator<Line>, endLine: number): AsyncGenerator<Line> {
  for await (const line of lines) {
    if (line.line >= endLine) return;
    yield line;
  }
}
