import { setImmediate } from "node:timers/promises";
import { replaceMembers } from "../../json/members.ts";
import { attemptReplay, type Door } from "../attempt.ts";
import { type Ledger, MAX_UNWRITTEN, MAX_UNWRITTEN_BYTES } from "../ledger.ts";
import { isFault, parseLine } from "../line.ts";
import { type Input, readLines } from "../read-lines.ts";
import { answered } from "../results.ts";
import type { Room } from "../room.ts";
import { skipDone } from "../skip-done.ts";
import { type Remote, RemoteError } from "./remote.ts";
import { readResults } from "./results.ts";
import type { Segment } from "./segment.ts";

export type TakeOptions = {
  readonly segment: Segment;
  readonly remote: Remote;
  readonly input: Input;
  readonly book: Ledger;
  /** Where lines end. */
  readonly ends: Map<number, number>;
  readonly endpoint: string;
  readonly door: Door;
  readonly maxLineBytes: number;
  readonly room: Room;
  readonly signal: AbortSignal;
};

/** The results that are taken before others have their turn. */
const RESULTS_AT_ONCE = 4;

/** What became of a server's results. `strange` ones were none of ours, came twice, or could not be read. */
export type Taken = {
  readonly isFull: boolean;
  readonly taken: number;
  readonly strange: number;
  /** Whether a file had so much in it that the rest was not read. */
  readonly isCut: boolean;
};

/**
 * Gives each line its result that has one at the server. Each goes through the gateway as the answer to the line's request, so that it has the
 * same form, is counted and costs. Lines without a result are left as they are. Rejects with `RemoteError`; what was taken then is recorded.
 */
export async function takeResults(options: TakeOptions): Promise<Taken> {
  const { segment, remote, input, book, endpoint, maxLineBytes, room, signal } = options;
  const waiting = await indexLines(options);
  let taken = 0;
  let strange = 0;
  let isCut = false;
  const expected = { lines: segment.lines, isAwaited: (line: number) => waiting.has(line) };

  async function give(line: number, answer: { readonly status: number; readonly body: string }): Promise<void> {
    const request = await readRequest(line, waiting.get(line));
    waiting.delete(line);
    if (request === undefined) return;
    // A route could choose another target.
    const body = replaceMembers(request.body, { model: JSON.stringify(segment.target) });
    const result = await attemptReplay({ door: options.door, path: endpoint, body, signal }, answer);
    if (result === undefined) return;
    book.writer.add(answered({ line, customId: request.customId }, result));
    taken += 1;
    // An answer that is there already waits for nothing, so all others would wait for it.
    if (taken % RESULTS_AT_ONCE === 0) await setImmediate();
    const { writer } = book;
    if (writer.waiting >= MAX_UNWRITTEN || writer.waitingBytes >= MAX_UNWRITTEN_BYTES) await writer.settled();
  }

  async function readRequest(line: number, place: { readonly offset: number; readonly bytes: number } | undefined) {
    if (place === undefined) return undefined;
    const { offset, bytes } = place;
    for await (const found of readLines(input, { line, offset }, maxLineBytes, Number.POSITIVE_INFINITY, bytes)) {
      const read = await parseLine(found, endpoint, maxLineBytes);
      return isFault(read) ? undefined : read;
    }
    return undefined;
  }

  for (const file of [segment.outputFile, segment.errorFile]) {
    if (file === null) continue;
    try {
      for await (const result of readResults(remote.content(file, signal), expected)) {
        if (room.isFull(book)) return { isFull: true, taken, strange, isCut };
        if (result === "excess") isCut = true;
        else if (result === "strange") strange += 1;
        else if (result.answer !== undefined) await give(result.line, result.answer);
      }
    } catch (error) {
      if (!(error instanceof RemoteError) || error.failure !== "gone") throw error;
    } finally {
      await book.writer.settled();
    }
  }
  return { isFull: false, taken, strange, isCut };
}

/** Where the lines begin that have no result yet. */
async function indexLines({ segment, input, book, ends, maxLineBytes, signal }: TakeOptions) {
  const places = new Map<number, { readonly offset: number; readonly bytes: number }>();
  const { next, beyond } = book.progress;
  for await (const line of skipDone(readLines(input, next, maxLineBytes), new Set(beyond), ends)) {
    signal.throwIfAborted();
    if (line.line >= segment.end.line) break;
    if (line.line >= segment.begin.line) places.set(line.line, { offset: line.offset, bytes: line.end - line.offset });
  }
  return places;
}
