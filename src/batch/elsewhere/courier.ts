import type { Logger } from "pino";
import { fileOf, type Measure, measureNext, type Reading } from "./plan.ts";
import { type Remote, type RemoteBatch, RemoteError } from "./remote.ts";
import { fileNameOf, type Segment, tagOf } from "./segment.ts";

export type CourierOptions = {
  readonly batch: string;
  readonly endpoint: string;
  /** Stores what is known of a segment now. */
  readonly put: (segment: Segment) => Segment;
  /** The time in Unix ms. */
  readonly now: () => number;
  readonly logger: Logger;
};

/** Brings segments to another server, and asks after them. Each id is stored before anything is made of it. All reject with `RemoteError`. */
export type Courier = {
  /** Sends the file. @param measured its size; it is found out if absent, and what an earlier try may have left there is removed */
  readonly upload: (at: At, reading: Reading, measured?: Measure) => Promise<Segment>;
  /** Has the server begin. What an earlier try has begun is found by its tag, and goes on. */
  readonly create: (at: At) => Promise<Segment>;
  /** Hears how far it is. */
  readonly poll: (at: At) => Promise<Segment>;
  /** Tells the server to stop; what it has answered is then taken. */
  readonly stop: (at: At) => Promise<Segment>;
  /** Deletes its files there, as far as that goes. */
  readonly clean: (at: At) => Promise<Segment>;
};

type At = { readonly segment: Segment; readonly remote: Remote; readonly signal: AbortSignal };

const ENDED: ReadonlySet<string> = new Set(["completed", "failed", "expired", "cancelled"]);

/** OpenAI's word for more tokens in batches than it takes at once: there is room again when others have ended. */
const TOO_MUCH = "token_limit_exceeded";
const FIRST_REST_MS = 60_000;
const MAX_REST_MS = 1_800_000;

/** So long a batch may have answers by its counts and no file of them. */
const MAX_LAG_MS = 600_000;

export function createCourier({ batch, endpoint, put, now, logger }: CourierOptions): Courier {
  async function upload({ segment, remote, signal }: At, reading: Reading, measured?: Measure): Promise<Segment> {
    const { begin, end } = segment;
    const name = fileNameOf(batch, segment);
    if (measured === undefined) {
      for (const id of await remote.findFiles(name, signal)) await remote.removeFile(id, signal).catch(ignoreGone);
    }
    const bounds = { lines: end.line - begin.line, bytes: Number.POSITIVE_INFINITY };
    const { lines, bytes } = measured ?? (await measureNext(reading, begin, bounds)) ?? { lines: 0, bytes: 0 };
    const sized = put({ ...segment, lines, bytes });
    if (lines === 0) return put({ ...sized, state: "ended" });
    const fileId = await remote.upload({ name, bytes, chunks: fileOf(reading, begin, end) }, signal);
    return put({ ...sized, state: "uploaded", fileId, files: [fileId], trouble: null });
  }

  async function create({ segment, remote, signal }: At): Promise<Segment> {
    const { fileId, asks } = segment;
    if (fileId === null) throw new Error("A segment without a file can't be created.");
    const [known] = asks === 0 ? [] : await findAll({ segment, remote, signal });
    if (known !== undefined) return put({ ...segment, state: "created", batchId: known.id, trouble: null });
    const asked = put({ ...segment, asks: asks + 1 });
    const { id } = await remote.create({ fileId, endpoint, tag: tagOf(batch, segment) }, signal);
    return put({ ...asked, state: "created", batchId: id, trouble: null });
  }

  /** The oldest first. More than one only if an earlier try came to light late. */
  function findAll({ segment, remote, signal }: At): Promise<readonly RemoteBatch[]> {
    return remote.find(tagOf(batch, segment), segment.createdMs, signal);
  }

  async function poll({ segment, remote, signal }: At): Promise<Segment> {
    const told = await ask(remote, segment, signal);
    // All that it knew of it is lost.
    if (told === undefined) return put({ ...segment, state: "ended", trouble: null });
    const completed = Math.min(segment.lines, told.completed);
    const heard = { ...segment, completed, trouble: null };
    if (!ENDED.has(told.status)) return put(heard);
    if (told.status === "failed" && told.faults.some(({ code }) => code === TOO_MUCH) && segment.stoppedMs === null) {
      const restMs = Math.min(MAX_REST_MS, FIRST_REST_MS * 2 ** segment.attempt);
      const again = { attempt: segment.attempt + 1, asks: 0, batchId: null, notBeforeMs: now() + restMs };
      return put({
        ...heard,
        ...again,
        state: "uploaded",
        trouble: `The upstream '${segment.upstream}' has no room for more batches now, and is asked again later.`,
      });
    }
    const { outputFile = null, errorFile = null } = told;
    if (completed > 0 && outputFile === null) {
      const lag = { ...heard, notBeforeMs: segment.notBeforeMs === 0 ? now() + MAX_LAG_MS : segment.notBeforeMs };
      if (now() < lag.notBeforeMs) return put(lag);
    }
    if (told.status === "failed")
      logger.warn({ batch, upstream: segment.upstream, faults: told.faults }, REFUSED_WHOLE);
    const files = [...new Set([...segment.files, outputFile, errorFile])].filter((id) => id !== null);
    return put({ ...heard, state: "ended", outputFile, errorFile, files });
  }

  /** Undefined if there is no such batch. */
  async function ask(remote: Remote, segment: Segment, signal: AbortSignal): Promise<RemoteBatch | undefined> {
    const { batchId, fileId, upstream } = segment;
    try {
      const told = await remote.get(batchId ?? "", signal);
      if (told.id === batchId && told.inputFile === fileId) return told;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
    throw new RemoteError("away", `The upstream '${upstream}' told of another batch than it was asked for.`);
  }

  async function stop({ segment, remote, signal }: At): Promise<Segment> {
    const { state, asks, stoppedMs } = segment;
    const stopped = stoppedMs === null ? put({ ...segment, stoppedMs: now() }) : segment;
    const at = { segment: stopped, remote, signal };
    switch (state) {
      case "planned":
        for (const id of await orNothing(remote.findFiles(fileNameOf(batch, segment), signal))) {
          await remote.removeFile(id, signal).catch(ignoreGone);
        }
        return put({ ...stopped, state: "ended" });
      case "uploaded": {
        const [known] = asks === 0 ? [] : await orNothing(findAll(at));
        if (known === undefined) return put({ ...stopped, state: "ended" });
        return stop({ ...at, segment: put({ ...stopped, state: "created", batchId: known.id }) });
      }
      case "created":
        // One that has ended meanwhile can't be cancelled.
        if (segment.batchId !== null) {
          await remote.cancel(segment.batchId, signal).catch((error: unknown) => {
            if (!(error instanceof RemoteError) || error.failure === "away") throw error;
          });
        }
        return poll(at);
      default:
        return segment;
    }
  }

  async function clean(at: At): Promise<Segment> {
    const { segment, remote, signal } = at;
    const left: string[] = [];
    if (segment.asks > 1) await cancelOthers(at).catch(() => {});
    for (const id of segment.files) {
      try {
        await remote.removeFile(id, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!isGone(error)) left.push(id);
      }
    }
    return put({ ...segment, files: left });
  }

  /** One whose creation seemed to have failed may have come to light since. */
  async function cancelOthers(at: At): Promise<void> {
    const { segment, remote, signal } = at;
    for (const { id, status } of await findAll(at)) {
      if (id !== segment.batchId && !ENDED.has(status)) await remote.cancel(id, signal);
    }
  }

  return { upload, create, poll, stop, clean };
}

const REFUSED_WHOLE = "an upstream refused a batch as a whole: its requests are made one by one";

function isGone(error: unknown): boolean {
  return error instanceof RemoteError && error.failure === "gone";
}

function ignoreGone(error: unknown): void {
  if (!isGone(error)) throw error;
}

/** A server that tells of nothing has nothing of ours. */
function orNothing<T>(found: Promise<readonly T[]>): Promise<readonly T[]> {
  return found.catch((error: unknown) => {
    if (!(error instanceof RemoteError) || error.failure === "away") throw error;
    return [];
  });
}
