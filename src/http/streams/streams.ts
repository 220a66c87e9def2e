import type { Clock } from "../../clock.ts";
import { HttpError } from "../errors.ts";
import type { EventStream, Framing, Outlet } from "../event-stream.ts";
import { invalid, LAST_EVENT_HEADER, RESUME_HEADER, type StreamPlace } from "./asked.ts";
import { createCutter } from "./cut.ts";
import { createLog, type StreamLog } from "./log.ts";

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
};

type Reading = StreamPlace & { readonly tenant: string; readonly outlet: Outlet; readonly onEnd: () => void };

/** The streams that clients may take up, by their ids. */
export type Streams = {
  /** Keeps what is sent by the returned outlet. @param outlet the way to the first reader */
  readonly keep: (stream: NewStream, outlet: Outlet) => Outlet;
  /** Answers with what follows in a stream. Throws `HttpError` or `InvalidRequestError`. */
  readonly read: (reading: Reading) => Response;
  /** Ends its work and forgets it. Throws `HttpError` if there is none. */
  readonly remove: (id: string, tenant: string) => void;
  /** From now on nobody can come back: work without a reader ends. */
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
  /** Ends the work; undefined once that has ended. */
  cancel: (() => void) | undefined;
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
  const waiting = new Set<() => void>();
  let isLeaving = false;
  const promise = `grace=${seconds(resumeGraceMs)}, keep=${seconds(resumeKeepMs)}`;

  const bytesOf = ({ log }: Kept) => STREAM_BYTES + log.bytes();
  let all = 0;

  function forget(stream: Kept, why: keyof typeof GONE): void {
    if (!kept.delete(stream.id)) return;
    all -= bytesOf(stream);
    stream.stopTimer();
    gone.set(stream.id, { tenant: stream.tenant, why });
    const [oldest] = gone.keys();
    if (gone.size > MAX_GONE && oldest !== undefined) gone.delete(oldest);
    stream.cancel?.();
    stream.log.end();
    wakeAll();
  }

  function wakeAll(): void {
    for (const wake of waiting) wake();
    waiting.clear();
  }

  /** A stream without a reader has its grace; one that has ended, its time to be kept. */
  function setTimer(stream: Kept): void {
    stream.stopTimer();
    if (!kept.has(stream.id)) return;
    if (stream.cancel === undefined) {
      stream.stopTimer = clock.after(resumeKeepMs, () => forget(stream, "expired"));
    } else if (stream.log.readers() > 0) {
      stream.stopTimer = () => {};
    } else if (isLeaving) {
      forget(stream, "abandoned");
    } else {
      stream.stopTimer = clock.after(resumeGraceMs, () => forget(stream, "abandoned"));
    }
  }

  /** Whether a running stream may take more. Makes room where it can. */
  function makeRoom(stream: Kept): boolean {
    const own = bytesOf(stream) - resumeBytes * SHARE;
    if (own > 0) all -= stream.log.trim(own);
    while (all > resumeBytes) {
      const victim = oldestOfHeaviest();
      if (victim === undefined) break;
      forget(victim, "crowded");
    }
    for (const { log, cancel } of [stream, ...kept.values()]) {
      if (all <= resumeBytes) break;
      if (cancel !== undefined) all -= log.trim(all - resumeBytes);
    }
    return all <= resumeBytes && bytesOf(stream) <= Math.max(resumeBytes * SHARE, STREAM_BYTES);
  }

  /** The stream that ended first, of those of the tenant that holds the most. */
  function oldestOfHeaviest(): Kept | undefined {
    const held = new Map<string, { bytes: number; ended: Kept | undefined }>();
    for (const stream of kept.values()) {
      const { bytes, ended } = held.get(stream.tenant) ?? { bytes: 0, ended: undefined };
      held.set(stream.tenant, {
        bytes: bytes + bytesOf(stream),
        ended: ended ?? (stream.cancel === undefined ? stream : undefined),
      });
    }
    const heaviest = [...held.values()].filter(({ ended }) => ended !== undefined).sort((a, b) => b.bytes - a.bytes);
    return heaviest[0]?.ended;
  }

  /** Takes all that the work brings, as far as there is room. */
  async function produce(stream: Kept, source: EventStream, { mark, hasIds }: Framing): Promise<void> {
    const { id, log } = stream;
    const cutter = createCutter(mark);

    function add(events: readonly string[]): void {
      const before = log.bytes();
      const from = log.last() + 1;
      const numbered = hasIds ? events.map((event, index) => `id: ${id}:${from + index}\n${event}`) : events;
      log.append(numbered);
      if (kept.has(id)) all += log.bytes() - before;
    }
    function take(frames: string): void {
      const { events, comments } = cutter.cut(frames);
      if (comments !== "") log.comment(comments);
      add(events);
    }

    if (source.opening !== "") take(source.opening);
    source.sendBeatsBy((frames) => {
      take(frames());
      return true;
    });
    try {
      for (;;) {
        while (kept.has(id) && !makeRoom(stream)) {
          await new Promise<void>((resolve) => {
            waiting.add(resolve);
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
    stream.cancel = undefined;
    log.end();
    if (!kept.delete(id)) return;
    // Those that ended are in the order of their ends.
    kept.set(id, stream);
    setTimer(stream);
    wakeAll();
  }

  function readFrom(stream: Kept, after: number, outlet: Outlet, onEnd: () => void): Response {
    const { log, headers } = stream;
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
      headers: { ...headers, [RESUME_HEADER]: promise },
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
    keep: ({ id, tenant, framing, onBegun }, outlet) => ({
      accept(source) {
        const stream: Kept = {
          ...{ id, tenant, headers: source.headers },
          log: createLog({
            taken: wakeAll,
            readersChanged() {
              wakeAll();
              if (stream.cancel !== undefined) setTimer(stream);
            },
          }),
          cancel: source.leave,
          stopTimer() {},
        };
        kept.set(id, stream);
        all += bytesOf(stream);
        onBegun();
        const work = produce(stream, source, framing).finally(() => running.delete(work));
        running.add(work);
        return readFrom(stream, 0, outlet, () => {});
      },
    }),
    read({ id, tenant, after, outlet, onEnd }) {
      const stream = find(id, tenant);
      const { log } = stream;
      if (after > log.last()) throw invalid(LAST_EVENT_HEADER, `${log.last()} at most, the last event so far`);
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

function lost(id: string, why: string): HttpError {
  return new HttpError(410, `The stream '${id}' can't be taken up. ${why} Send the request again.`, "stream_gone");
}

function seconds(ms: number): string {
  return String(Number((ms / 1_000).toFixed(3)));
}
