import type { Clock } from "../../clock.ts";
import { HttpError } from "../errors.ts";
import type { EventStream, Framing, Outlet } from "../event-stream.ts";
import { invalid, LAST_EVENT_HEADER, RESUME_HEADER, type StreamPlace } from "./asked.ts";
import { createCutter } from "./cut.ts";
import type { StreamJournal } from "./journal.ts";
import { createLog, type StreamLog, sizeOf } from "./log.ts";

export type StreamLimits = {
  /** How long work goes on while nobody reads, in ms. */
  readonly resumeGraceMs: number;
  /** How long an ended stream is kept, in ms. */
  readonly resumeKeepMs: number;
  /** The maximum memory of all streams together, in bytes; 0 keeps none. */
  readonly resumeBytes: number;
};

/** A stream that is to be kept, before it begins. */
type NewStream = {
  readonly id: string;
  readonly tenant: string;
  readonly framing: Framing;
  /** Called when the stream begins: from then on its work doesn't end with the connection. */
  readonly onBegun: () => void;
  /** Undefined if it need not outlive this process. */
  readonly journal?: StreamJournal | undefined;
  /** Whether it began in an earlier process. */
  readonly isRevived?: boolean;
};

type Reading = StreamPlace & { readonly tenant: string; readonly outlet: Outlet; readonly onEnd: () => void };

/** The streams that clients may take up, by their ids. */
export type Streams = {
  /** Keeps what is sent by the returned outlet. @param outlet the way to the first reader */
  readonly keep: (stream: NewStream, outlet: Outlet) => Outlet;
  readonly has: (id: string) => boolean;
  /** Answers with what follows in a stream. Throws `HttpError` or `InvalidRequestError`. */
  readonly read: (reading: Reading) => Response;
  /** Ends its work and forgets it. Throws `HttpError` if there is none. */
  readonly remove: (id: string, tenant: string) => void;
  /** Leaves the streams that are written down to the next process. Their readers are cut off, so that they ask for them there. */
  readonly suspend: () => void;
  /** From now on nobody can come back here: work without a reader ends. */
  readonly leave: () => void;
  /** Resolves when the work of all streams has ended. */
  readonly settled: () => Promise<void>;
  /** Forgets all, and ends the work that is left. */
  readonly close: () => void;
  readonly bytes: () => number;
};

type Kept = {
  readonly id: string;
  readonly tenant: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly log: StreamLog;
  readonly journal: StreamJournal | undefined;
  readonly isRevived: boolean;
  /** What waits to be written down before it is in the log, in bytes. */
  unwritten: number;
  /** What is counted of it in the memory of all. */
  counted: number;
  /** Ends the work; undefined once that has ended. */
  cancel: (() => void) | undefined;
  /** When its time to be kept is over; `Infinity` while its work runs. */
  keptUntilMs: number;
  /** Stops the timer of its end. */
  stopTimer: () => void;
};

const MAX_READERS = 4;

/** The part of the memory that one stream may take. */
const SHARE = 1 / 4;

/** The approximate memory of a stream besides its events. */
const STREAM_BYTES = 2 * 1024;

/** So many streams that are gone are remembered, to say why. */
const MAX_GONE = 4_096;

const GONE = {
  expired: "It ended too long ago.",
  cancelled: "It was cancelled.",
  abandoned: "Nobody read it for too long, so its work was cancelled.",
  crowded: "It was forgotten, because newer streams needed its memory.",
} as const;

export function createStreams({ resumeGraceMs, resumeKeepMs, resumeBytes }: StreamLimits, clock: Clock): Streams {
  const kept = new Map<string, Kept>();
  const gone = new Map<string, { readonly tenant: string; readonly why: keyof typeof GONE }>();
  const running = new Set<Promise<void>>();
  /** Those that wait for room. */
  const waiting = new Map<Kept, () => void>();
  let isLeaving = false;
  const promise = `grace=${seconds(resumeGraceMs)}, keep=${seconds(resumeKeepMs)}`;

  const bytesOf = ({ log, unwritten }: Kept) => STREAM_BYTES + log.bytes() + unwritten;
  let all = 0;

  /** Counts what a stream holds now. One that is gone holds nothing, its readers included. */
  function count(stream: Kept): void {
    const bytes = kept.get(stream.id) === stream ? bytesOf(stream) : 0;
    all += bytes - stream.counted;
    stream.counted = bytes;
  }

  function forget(stream: Kept, why: keyof typeof GONE): void {
    if (!drop(stream)) return;
    stream.journal?.end();
    gone.set(stream.id, { tenant: stream.tenant, why });
    const [oldest] = gone.keys();
    if (gone.size > MAX_GONE && oldest !== undefined) gone.delete(oldest);
    stream.cancel?.();
    // Who is cut off asks for the rest, and learns why there is none.
    if (why === "crowded") stream.log.cutAll();
    stream.log.drop();
    wakeAll();
  }

  function drop(stream: Kept): boolean {
    if (!kept.delete(stream.id)) return false;
    count(stream);
    stream.stopTimer();
    return true;
  }

  function suspend(stream: Kept): void {
    if (!drop(stream)) return;
    stream.journal?.suspend();
    stream.log.cutAll();
    stream.log.drop();
    stream.cancel?.();
    wakeAll();
  }

  function wake(stream: Kept): void {
    const go = waiting.get(stream);
    waiting.delete(stream);
    go?.();
  }

  function wakeAll(): void {
    for (const stream of [...waiting.keys()]) wake(stream);
  }

  /** A stream without a reader has its grace; one that has ended, its time to be kept. */
  function setTimer(stream: Kept): void {
    stream.stopTimer();
    if (!kept.has(stream.id)) return;
    if (stream.log.readers() > 0) {
      stream.stopTimer = () => {};
    } else if (stream.cancel === undefined) {
      const restMs = Math.max(0, stream.keptUntilMs - clock.now());
      stream.stopTimer = clock.after(restMs, () => forget(stream, "expired"));
    } else if (isLeaving) {
      if (stream.journal?.isOn() === true) suspend(stream);
      else forget(stream, "abandoned");
    } else {
      stream.stopTimer = clock.after(resumeGraceMs, () => forget(stream, "abandoned"));
    }
  }

  /** Whether a running stream may take more. Makes room where it can. */
  function makeRoom(stream: Kept): boolean {
    const share = Math.max(resumeBytes * SHARE, STREAM_BYTES);
    if (stream.counted <= share && all <= resumeBytes) return true;
    trim(stream, stream.counted - share);
    while (all > resumeBytes) {
      const victim = findVictim(stream.tenant);
      if (victim === undefined) break;
      forget(victim, "crowded");
    }
    for (const each of [stream, ...kept.values()]) {
      if (all <= resumeBytes) break;
      if (each.cancel !== undefined || each.log.readers() > 0) trim(each, all - resumeBytes);
    }
    // What a reader waits for is handed on at once, and holds no memory: nobody else can stop a stream that is read.
    const isAwaited = stream.unwritten === 0 && stream.log.isAwaited();
    return !kept.has(stream.id) || (stream.counted <= share && (all <= resumeBytes || isAwaited));
  }

  function trim(stream: Kept, bytes: number): void {
    if (bytes <= 0) return;
    stream.log.trim(bytes);
    count(stream);
  }

  /**
   * The stream that ended first, of those of the tenant that holds the most. What is still read goes only where another tenant that holds
   * less needs the room: those of one tenant wait for each other's readers.
   */
  function findVictim(tenant: string): Kept | undefined {
    type Held = { bytes: number; unread: Kept | undefined; read: Kept | undefined };
    const held = new Map<string, Held>();
    for (const stream of kept.values()) {
      const of: Held = held.get(stream.tenant) ?? { bytes: 0, unread: undefined, read: undefined };
      held.set(stream.tenant, of);
      of.bytes += stream.counted;
      if (stream.cancel !== undefined) continue;
      if (stream.log.readers() === 0) of.unread ??= stream;
      else of.read ??= stream;
    }
    const own = held.get(tenant);
    for (const of of [...held.values()].sort((a, b) => b.bytes - a.bytes)) {
      if (of.unread !== undefined) return of.unread;
      if (of.read === undefined) continue;
      if (of === own) return undefined;
      if (of.bytes > (own?.bytes ?? 0)) return of.read;
    }
    return undefined;
  }

  /** Takes all that the work brings, as far as there is room. */
  async function produce(stream: Kept, source: EventStream, framing: Framing): Promise<void> {
    const { id, log, journal } = stream;
    const { mark, hasIds, comment } = framing;
    const cutter = createCutter(mark);
    let added = 0;

    function add(events: readonly string[]): void {
      const numbered = hasIds ? events.map((event, index) => `id: ${id}:${added + index + 1}\n${event}`) : events;
      added += events.length;
      if (journal === undefined) {
        log.append(numbered);
        count(stream);
        return;
      }
      const bytes = sizeOf(numbered);
      stream.unwritten += bytes;
      // What a client has seen is written, so that every process goes on from there.
      journal.whenWritten(() => {
        stream.unwritten -= bytes;
        log.append(numbered);
        count(stream);
      });
      count(stream);
    }
    function take(frames: string): void {
      const { events, comments } = cutter.cut(frames);
      if (comments !== "") log.comment(comments);
      add(events);
    }

    if (source.opening !== "") take(source.opening);
    source.sendBeatsBy((frames) => {
      // An event would have a number that it doesn't have in another process.
      if (journal === undefined) take(frames());
      else take(comment("keep-alive"));
      return true;
    });
    try {
      for (;;) {
        while (kept.has(id) && !makeRoom(stream)) {
          await new Promise<void>((resolve) => {
            waiting.set(stream, resolve);
          });
        }
        const { frames, isLast } = await source.take();
        take(frames);
        if (!isLast) continue;
        const rest = cutter.rest();
        if (rest !== "") add([rest]);
        source.end();
        break;
      }
    } catch {
      // It was cancelled, and nothing follows.
    }
    if (journal !== undefined) await new Promise<void>((resolve) => journal.whenWritten(resolve));
    stream.cancel = undefined;
    stream.keptUntilMs = clock.now() + resumeKeepMs;
    log.end();
    journal?.finish();
    if (!kept.delete(id)) return;
    // Those that ended are in the order of their ends.
    kept.set(id, stream);
    setTimer(stream);
    wakeAll();
  }

  function readFrom(stream: Kept, after: number, outlet: Outlet, onEnd: () => void): Response {
    const { log, headers, journal } = stream;
    while (log.readers() >= MAX_READERS) log.cutOldest();
    const reader = log.read(after);
    let isOver = false;
    function leave(): void {
      if (isOver) return;
      isOver = true;
      reader.leave();
      onEnd();
    }
    return outlet.accept({
      headers: { ...headers, [RESUME_HEADER]: journal?.isOn() === true ? `${promise}, journal` : promise },
      opening: "",
      take: reader.take,
      sendBeatsBy() {},
      end: leave,
      leave,
    });
  }

  function find(id: string, tenant: string): Kept {
    const stream = kept.get(id);
    if (stream !== undefined && stream.tenant === tenant) return stream;
    const past = gone.get(id);
    if (past !== undefined && past.tenant === tenant) throw lost(id, GONE[past.why]);
    throw new HttpError(
      404,
      `There is no stream '${id}'. Only streams of requests with the header '${RESUME_HEADER}: 1' are kept, ` +
        "for the key that sent them, and until the server stops. Send the request again.",
      "stream_not_found",
    );
  }

  return {
    keep: ({ id, tenant, framing, onBegun, journal, isRevived = false }, outlet) => ({
      accept(source) {
        const stream: Kept = {
          ...{ id, tenant, headers: source.headers, journal, isRevived },
          log: createLog({
            taken: wakeAll,
            awaited: () => wake(stream),
            readersChanged() {
              wakeAll();
              setTimer(stream);
            },
          }),
          ...{ unwritten: 0, counted: 0, keptUntilMs: Number.POSITIVE_INFINITY },
          cancel: source.leave,
          stopTimer() {},
        };
        kept.set(id, stream);
        count(stream);
        journal?.announce();
        onBegun();
        const work = produce(stream, source, framing).finally(() => running.delete(work));
        running.add(work);
        return readFrom(stream, 0, outlet, () => {});
      },
    }),
    has: (id) => kept.has(id),
    read({ id, tenant, after, outlet, onEnd }) {
      const stream = find(id, tenant);
      const { log } = stream;
      // What an earlier process sent comes again first.
      const isComing = stream.isRevived && stream.cancel !== undefined;
      if (after > log.last() && !isComing)
        throw invalid(LAST_EVENT_HEADER, `${log.last()} at most, the last event so far`);
      if (after < log.first() - 1) {
        throw lost(id, `Its events up to ${log.first() - 1} were forgotten, because it is too long to be kept whole.`);
      }
      if (log.isEnded() && after === log.last()) {
        onEnd();
        return new Response(null, { status: 204 });
      }
      return readFrom(stream, after, outlet, onEnd);
    },
    remove: (id, tenant) => forget(find(id, tenant), "cancelled"),
    suspend() {
      for (const stream of [...kept.values()]) {
        if (stream.journal?.isOn() === true) suspend(stream);
        else stream.journal?.suspend();
      }
    },
    leave() {
      isLeaving = true;
      for (const stream of [...kept.values()]) if (stream.cancel !== undefined) setTimer(stream);
    },
    async settled() {
      await Promise.all(running);
    },
    close() {
      for (const stream of [...kept.values()]) forget(stream, "cancelled");
    },
    bytes: () => all,
  };
}

/** The error for a stream that was there. */
export function lost(id: string, why: string): HttpError {
  return new HttpError(410, `The stream '${id}' can't be taken up. ${why} Send the request again.`, "stream_gone");
}

function seconds(ms: number): string {
  return String(Number((ms / 1_000).toFixed(3)));
}
