import { hash, randomInt } from "node:crypto";
import type { Logger } from "pino";
import { z } from "zod";
import { JournalError } from "../../generation/errors.ts";
import type { Journal, JournalStep } from "../../generation/journal.ts";
import type { Spent } from "../../generation/news.ts";
import type { Charged, StreamChanges, StreamRecord, StreamStore } from "../../store/streams.ts";

/** Between two writes to the state file there is at least this, for all streams together. */
const GAP_MS = 10;

/** The request that began a stream, as it is sent again. */
const writtenRequest = z.object({ path: z.string(), headers: z.record(z.string(), z.string()), body: z.string() });

type WrittenRequest = Readonly<z.infer<typeof writtenRequest>>;

/** The journal of one stream. */
export type StreamJournal = Journal & {
  /** When the stream began, in Unix ms. */
  readonly createdMs: number;
  /** Whether another process could go on. */
  readonly isOn: () => boolean;
  /** Calls back when all that was noted so far is in the file: at once if it is. In the order of the calls. */
  readonly whenWritten: (callback: () => void) => void;
  /** From now on no other process can go on with it, and one that is asked says why. */
  readonly lose: (why: string) => void;
  /** Its client can ask for it from now on. */
  readonly announce: () => void;
  /** Its stream has ended: it is removed when others need the room. */
  readonly finish: () => void;
  /** Removes it from the file. */
  readonly end: () => void;
  /** Writes nothing more. What is written stays, for the next process. */
  readonly suspend: () => void;
};

type NewJournal = Pick<StreamRecord, "id" | "tenant" | "key" | "createdMs"> & { readonly request: WrittenRequest };

/** A stream of an earlier process. */
export type Revival = { readonly request: WrittenRequest; readonly journal: StreamJournal };

export type Journals = {
  readonly begin: (stream: NewJournal) => StreamJournal;
  /** Undefined if there is none, or the reason that it can't go on. */
  readonly find: (id: string, tenant: string) => Revival | { readonly lost: string } | undefined;
  /** Removes what an earlier process wrote. Returns whether there was anything. */
  readonly remove: (id: string, tenant: string) => boolean;
  /** Writes what is left, and gives up if that fails. Never rejects. */
  readonly flush: () => Promise<void>;
};

/** Where streams are written. */
export type JournalStore = Pick<StreamStore, "find"> & {
  /** In one transaction, which may be another thread's. It is not called before the last call has ended. */
  readonly write: (changes: StreamChanges) => void | Promise<void>;
};

export type JournalsOptions = {
  readonly store: JournalStore;
  readonly logger: Pick<Logger, "warn">;
  /** What all journals together may take, in characters. */
  readonly maxLength: number;
  /** A clock in ms. */
  readonly now: () => number;
};

type Written = { readonly fail: () => void };
type Batch = {
  readonly begun: Map<string, StreamRecord>;
  readonly steps: Map<string, { readonly position: number; readonly bodies: JournalStep[] }>;
  readonly charged: Map<string, Charged>;
  readonly ended: Set<string>;
  readonly streams: Set<Written>;
  readonly callbacks: (() => void)[];
};

const TOO_LONG = "It is longer than what is written down for all streams (--resume-bytes).";
const NOT_WRITTEN = "It could not be written to the state file.";

export function createJournals({ store, logger, maxLength, now }: JournalsOptions): Journals {
  let batch = newBatch();
  let isPlanned = false;
  /** The write that is under way, and what it writes. */
  let writing: Promise<void> | undefined;
  let flying: Batch | undefined;
  let writtenMs = Number.NEGATIVE_INFINITY;
  let length = 0;
  /** How many writes have failed. */
  let failures = 0;
  /** Could not be removed yet. */
  const left = new Set<string>();
  /** Removes those whose streams have ended, in the order of their ends. */
  const finished = new Set<() => void>();

  function plan(): void {
    if (isPlanned) return;
    isPlanned = true;
    // What comes while one write is under way is the next one.
    if (writing === undefined) planNext();
  }

  function planNext(): void {
    const waitMs = writtenMs + GAP_MS - now();
    // What one turn of the event loop brings is written at once.
    if (waitMs <= 0) setImmediate(write);
    else setTimeout(write, waitMs);
  }

  function write(): void {
    // It may have been written with what was flushed.
    if (!isPlanned || writing !== undefined) return;
    isPlanned = false;
    const own = batch;
    batch = newBatch();
    writtenMs = now();
    for (const id of left) own.ended.add(id);
    const { begun, steps, charged, ended } = own;
    if (begun.size + steps.size + charged.size + ended.size === 0) {
      settle(own);
      return;
    }
    try {
      const written = store.write({
        begun: [...begun.values()],
        steps: [...steps].map(([stream, { position, bodies }]) => ({
          ...{ stream, position, body: JSON.stringify(bodies) },
        })),
        charged: [...charged].map(([stream, what]) => ({ stream, what })),
        ended: [...ended],
      });
      if (written === undefined) {
        succeed(own);
        return;
      }
      flying = own;
      writing = written.then(
        () => end(() => succeed(own)),
        (error: unknown) => end(() => fail(own, error)),
      );
    } catch (error) {
      fail(own, error);
    }
  }

  function end(settleBatch: () => void): void {
    writing = flying = undefined;
    settleBatch();
    if (isPlanned) planNext();
  }

  function succeed(own: Batch): void {
    left.clear();
    settle(own);
  }

  function fail(own: Batch, error: unknown): void {
    failures += 1;
    const { begun, ended, streams } = own;
    logger.warn(
      { err: error, streams: streams.size },
      "streams could not be written down: they go on, but a restart of the gateway would end them",
    );
    for (const id of ended) left.add(id);
    for (const stream of streams) stream.fail();
    // What was noted meanwhile would follow on a gap, also of a stream that is left to the next process.
    for (const id of own.steps.keys()) batch.steps.delete(id);
    // Why they can't go on is told as soon as there is room.
    for (const [id, record] of begun) if (record.lost !== null && !batch.begun.has(id)) batch.begun.set(id, record);
    settle(own);
  }

  function settle({ callbacks }: Batch): void {
    for (const callback of callbacks) callback();
  }

  async function flush(): Promise<void> {
    const before = failures;
    await writing;
    if (failures === before) {
      isPlanned = true;
      write();
      await writing;
    }
    // A failed write gives back what it could not write. Who ends does not try again and again on a full disk.
    if (failures !== before) isPlanned = false;
  }

  type Open = {
    readonly record: Omit<StreamRecord, "prints" | "lost">;
    readonly prints: readonly string[];
    readonly steps: readonly JournalStep[];
    readonly position: number;
    readonly charged: Charged | undefined;
  };

  function open({ record, charged, prints: earlierPrints, steps: earlier, position: from }: Open): StreamJournal {
    const { id } = record;
    const prints: string[] = [];
    const counts = new Map<string, number>();
    const isRevived = earlierPrints.length > 0;
    let position = from;
    let own = 0;
    let state: "on" | "lost" | "over" = "on";
    let why = "";
    let isAnnounced = isRevived;

    const written: Written = {
      fail() {
        lose(NOT_WRITTEN);
      },
    };

    function change(): void {
      batch.streams.add(written);
      plan();
    }

    function grow(by: number): boolean {
      own += by;
      length += by;
      for (const remove of finished) {
        if (length <= maxLength) break;
        remove();
      }
      if (length <= maxLength) return true;
      lose(TOO_LONG);
      return false;
    }

    function begin(): void {
      batch.begun.set(id, { ...record, prints: JSON.stringify(prints), lost: null });
      change();
    }

    function lose(reason: string): void {
      if (state !== "on") return;
      state = "lost";
      why = reason;
      length -= own;
      own = 0;
      batch.steps.delete(id);
      batch.begun.delete(id);
      if (isAnnounced) writeLost();
    }

    function writeLost(): void {
      batch.begun.set(id, { ...record, request: "", prints: "[]", lost: why });
      change();
    }

    function end(): void {
      if (state === "over") return;
      state = "over";
      finished.delete(end);
      length -= own;
      batch.steps.delete(id);
      batch.begun.delete(id);
      batch.ended.add(id);
      plan();
    }

    return {
      ...{ seed: record.seed, createdMs: record.createdMs, charged: charged === "part" ? spentOn(earlier) : charged },
      isOn: () => state === "on",
      begin(print) {
        if (state !== "on") return [];
        prints.push(print);
        if (!isRevived) {
          if (prints.length > 1 || grow(record.request.length)) begin();
          return [];
        }
        if (prints.length <= earlierPrints.length && print !== earlierPrints[prints.length - 1])
          throw new JournalError();
        return prints.length === earlierPrints.length ? earlier : [];
      },
      note(step) {
        if (state !== "on" || !grow(step.text.length + 8 * step.tokens.length + 64)) return;
        const noted = batch.steps.get(id);
        if (noted === undefined) {
          batch.steps.set(id, { position, bodies: [step] });
          position += 1;
        } else {
          noted.bodies.push(step);
        }
        change();
      },
      digits(name) {
        const count = counts.get(name) ?? 0;
        counts.set(name, count + 1);
        return hash("sha256", JSON.stringify([id, record.seed, name, count]), "hex");
      },
      whenWritten(callback) {
        const last = [batch, flying].find((each) => each?.streams.has(written));
        if (last === undefined) callback();
        else last.callbacks.push(callback);
      },
      lose,
      announce() {
        isAnnounced = true;
        if (state === "lost") writeLost();
      },
      finish() {
        if (state !== "on") return;
        finished.add(end);
        batch.charged.set(id, "all");
        plan();
      },
      end,
      suspend() {
        if (state === "on" && !finished.has(end)) batch.charged.set(id, "part");
        state = "over";
      },
    };
  }

  return {
    begin({ id, tenant, key, createdMs, request }) {
      const seed = randomInt(2 ** 32);
      const record = { id, tenant, key, createdMs, seed, request: JSON.stringify(request) };
      return open({ record, charged: undefined, prints: [], steps: [], position: 0 });
    },
    find(id, tenant) {
      const found = store.find(id, tenant);
      if (found === undefined) return undefined;
      const { steps, prints, lost, charged, ...record } = found;
      if (lost !== null) return { lost };
      return {
        request: writtenRequest.parse(JSON.parse(record.request)),
        journal: open({
          ...{ record, charged, position: steps.length },
          prints: z.array(z.string()).parse(JSON.parse(prints)),
          // Its own notes, which only this program writes.
          steps: steps.flatMap((body): readonly JournalStep[] => JSON.parse(body)),
        }),
      };
    },
    remove(id, tenant) {
      if (store.find(id, tenant) === undefined) return false;
      batch.ended.add(id);
      plan();
      return true;
    },
    flush,
  };
}

/** The work behind steps. */
function spentOn(steps: readonly JournalStep[]): Spent {
  const { promptTokens = 0, cachedTokens = 0 } = steps.find(({ started }) => started !== undefined)?.started ?? {};
  const completion = steps.reduce((sum, { tokens }) => sum + tokens.length, 0);
  return { prompt: promptTokens, cached: cachedTokens, completion };
}

function newBatch(): Batch {
  return {
    begun: new Map(),
    steps: new Map(),
    charged: new Map(),
    ended: new Set(),
    streams: new Set(),
    callbacks: [],
  };
}
