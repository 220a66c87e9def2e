import { setImmediate } from "node:timers/promises";
import { isFault, parseLine } from "../line.ts";
import { type Input, type Place, readLines } from "../read-lines.ts";
import type { Target } from "./remote.ts";

/** What OpenAI takes in one batch, with a margin for the form around the file. */
const MAX_LINES = 50_000;
const MAX_BYTES = 199_000_000;

const LINES_AT_ONCE = 64;
const PIECE_BYTES = 64 * 1024;

export type Reading = {
  readonly input: Input;
  readonly endpoint: string;
  readonly maxLineBytes: number;
  readonly write: Target["write"];
  /** The lines that have a result already. */
  readonly done: ReadonlySet<number>;
  readonly signal: AbortSignal;
};

/** The size of a part of the input, and of what the server gets of it. */
export type Measure = { readonly end: Place; readonly lines: number; readonly bytes: number };

export type Bounds = { readonly lines: number; readonly bytes: number };

/** Finds the end of the next part, which is as large as one may be. Undefined if there are no more lines. */
export async function measureNext(
  reading: Reading,
  begin: Place,
  bounds: Bounds = { lines: MAX_LINES, bytes: MAX_BYTES },
): Promise<Measure | undefined> {
  let end = begin;
  let lines = 0;
  let bytes = 0;
  for await (const { place, text } of requestsOf(reading, begin, begin.line + bounds.lines)) {
    const size = text === undefined ? 0 : Buffer.byteLength(text);
    if (bytes + size > bounds.bytes && lines > 0) break;
    end = place;
    if (text === undefined) continue;
    lines += 1;
    bytes += size;
  }
  return end.line === begin.line ? undefined : { end, lines, bytes };
}

/** The file that the server gets, piece by piece. */
export async function* fileOf(reading: Reading, begin: Place, end: Place): AsyncGenerator<Uint8Array> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  for await (const { text } of requestsOf(reading, begin, end.line)) {
    if (text === undefined) continue;
    const piece = Buffer.from(text);
    pieces.push(piece);
    bytes += piece.byteLength;
    if (bytes < PIECE_BYTES) continue;
    yield Buffer.concat(pieces);
    pieces = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(pieces);
}

/** Each line of a part with where it ends, and as a line for the server. Its id there is its number here, so ids of clients stay here. */
async function* requestsOf(
  { input, endpoint, maxLineBytes, write, done, signal }: Reading,
  begin: Place,
  endLine: number,
): AsyncGenerator<{ readonly place: Place; readonly text: string | undefined }> {
  if (begin.line >= endLine) return;
  for await (const line of readLines(input, begin, maxLineBytes)) {
    signal.throwIfAborted();
    if (line.line % LINES_AT_ONCE === 0) await setImmediate();
    const place = { line: line.line + 1, offset: line.end };
    const read = done.has(line.line) ? undefined : await parseLine(line, endpoint, maxLineBytes);
    const body = read === undefined || isFault(read) ? undefined : write(read.body);
    const head = `{"custom_id":"${line.line}","method":"POST","url":${JSON.stringify(endpoint)},"body":`;
    yield { place, text: body === undefined ? undefined : `${head}${body.replaceAll("\r", " ")}}\n` };
    if (place.line >= endLine) return;
  }
}
