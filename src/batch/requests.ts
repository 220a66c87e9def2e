import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { attempt, type Door, type Wait } from "./attempt.ts";
import { type Ledger, MAX_UNWRITTEN, MAX_UNWRITTEN_BYTES } from "./ledger.ts";
import { isFault, parseLine } from "./line.ts";
import { createLookAhead } from "./look-ahead.ts";
import type { Rate } from "./rate.ts";
import type { Line } from "./read-lines.ts";
import { answered, unanswered } from "./results.ts";
import type { Room } from "./room.ts";

/** A line may be done this far before the first that is not. */
const MAX_AHEAD = 512;
/** The bytes of lines that were read and have not begun. */
const MAX_AHEAD_BYTES = 32 * 1024 * 1024;

/** Longer times don't fit into a timer. The runner looks every few seconds in any case. */
const MAX_TIMER_MS = 1_000_000_000;

/** Why a batch makes no more requests. */
export type End = "completed" | "expired" | "cancelled" | "stopped" | "refused" | "full";

export type RequestsOptions = {
  readonly id: string;
  readonly endpoint: string;
  /** When its window ends, in Unix ms. */
  readonly endsMs: number;
  readonly door: Door;
  /** Headers that the endpoint needs. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How many requests a model runs at once. */
  readonly parallel: (model: string | undefined) => number;
  readonly maxLineBytes: number;
  readonly isCancelled: () => boolean;
  /** Whether another line is read while so many wait; up to 512 beyond the first that is not done if absent. */
  readonly readsAhead?: (waiting: number) => boolean;
  /** What its key has left for results. */
  readonly room: Room;
  /** Ends the validation and the requests, but not the writing of what is done. */
  readonly work: AbortController;
  readonly clock: Clock;
  /** The time in Unix ms. */
  readonly now: () => number;
  readonly logger: Logger;
};

type Given = {
  readonly lines: AsyncGenerator<Line>;
  readonly book: Ledger;
  /** Is told when a request begins and ends. */
  readonly rate: Pick<Rate, "began" | "ended">;
  readonly signal: AbortSignal;
};

/** The requests of a batch's lines, several at once. */
export type Requests = {
  /** Resolves when none runs and all that are done are recorded. */
  readonly make: (given: Given) => Promise<End>;
  /** Something may have changed. */
  readonly nudge: () => void;
  /** The first time of the clock at which a refused request is made again. */
  readonly backMs: () => number;
  /** Why all of them wait, in a sentence; undefined if they don't. */
  readonly pausedFor: () => string | undefined;
};

export function createRequests(options: RequestsOptions): Requests {
  const { id, endpoint, endsMs, door, headers, parallel, maxLineBytes, isCancelled, room, work, clock, now, logger } =
    options;
  /** The requests that were refused, and wait. */
  const refused = new Map<number, Wait>();
  let underWay = 0;
  let wake = Promise.withResolvers<void>();

  function nudge(): void {
    wake.resolve();
    wake = Promise.withResolvers();
  }

  async function makeRequests({ lines, book, rate, signal }: Given): Promise<End> {
    const waiting = createLookAhead();
    const requests = AbortSignal.any([signal, work.signal]);
    const running = new Set<Promise<void>>();
    let isAllRead = false;
    let newest = book.progress.next.line;
    const cancelTimer = clock.after(Math.min(MAX_TIMER_MS, Math.max(0, endsMs - now())), nudge);
    const onStop = () => nudge();
    signal.addEventListener("abort", onStop);
    if (isCancelled()) work.abort(new Error("The batch was cancelled."));

    const endOf = (): End | undefined => {
      if (signal.aborted) return "stopped";
      if (work.signal.aborted) return "cancelled";
      if (now() >= endsMs) return "expired";
      return isAllRead && waiting.size === 0 && running.size === 0 && book.writer.waiting === 0
        ? "completed"
        : undefined;
    };

    const isRefused = () =>
      underWay > 0 && book.writer.waiting === 0 && [...refused.values()].filter(isLong).length === underWay;

    const { readsAhead = () => newest < book.progress.next.line + MAX_AHEAD } = options;

    async function readAhead(): Promise<void> {
      while (!isAllRead && readsAhead(waiting.size) && waiting.bytes < MAX_AHEAD_BYTES) {
        const { value: line, done } = await lines.next();
        if (done === true) {
          isAllRead = true;
          return;
        }
        newest = line.line;
        const read = await parseLine(line, endpoint, maxLineBytes);
        // It was a request when it was validated.
        if (isFault(read)) book.writer.add(unanswered({ line: line.line, customId: "" }, "failed"));
        else waiting.add({ ...read, line: line.line, offset: line.offset, bytes: line.end - line.offset });
      }
    }

    function begin(): boolean {
      const next = waiting.peek();
      if (next === undefined || requests.aborted || book.writer.pausedFor !== undefined) return false;
      if (book.writer.waiting >= MAX_UNWRITTEN || book.writer.waitingBytes >= MAX_UNWRITTEN_BYTES) return false;
      if (room.isFull(book)) return false;
      // One more than run, so that the next is there when one ends.
      if (running.size > parallel(next.model)) return false;
      waiting.take();
      underWay += 1;
      rate.began(next.line);
      const request = attempt({
        ...{ door, path: endpoint, body: next.body, signal: requests, clock },
        onWait(wait) {
          if (wait === undefined) refused.delete(next.line);
          else refused.set(next.line, wait);
          nudge();
        },
        ...(headers && { headers }),
      }).then(
        (answer) => book.writer.add(answered(next, answer)),
        (error: unknown) => {
          if (requests.aborted) return;
          logger.error({ batch: id, err: error }, "a batch's request failed");
          book.writer.add(unanswered(next, "failed"));
        },
      );
      const settled = request.finally(() => {
        running.delete(settled);
        rate.ended(next.line);
        underWay -= 1;
        nudge();
      });
      running.add(settled);
      return true;
    }

    let end: End | undefined;
    try {
      for (;;) {
        const changed = wake.promise;
        end = endOf();
        if (end !== undefined) break;
        await readAhead();
        if (begin()) continue;
        end = endOf();
        if (end === undefined && isRefused()) end = "refused";
        if (end === undefined && running.size === 0 && book.writer.waiting === 0 && room.reason() !== undefined)
          end = "full";
        if (end !== undefined) break;
        await Promise.race([changed, book.writer.settled().then(() => changed)]);
      }
    } finally {
      cancelTimer();
      signal.removeEventListener("abort", onStop);
      if (end !== "completed") work.abort(new Error("The batch makes no more requests."));
      await Promise.all(running);
    }
    if (end !== "stopped") await book.writer.settled();
    else await book.writer.settled().catch(() => {});
    return end;
  }

  return {
    make: makeRequests,
    nudge,
    backMs: () => Math.min(...[...refused.values()].map(({ untilMs }) => untilMs)),
    pausedFor() {
      const [wait] = refused.values();
      if (wait === undefined || refused.size < underWay) return undefined;
      return `its requests are refused for now (status ${wait.status}); they are made again when the refusals say`;
    },
  };
}

function isLong(wait: Wait): boolean {
  return wait.isLong;
}
