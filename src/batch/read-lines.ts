import { setImmediate } from "node:timers/promises";

/** A file to be read, such as a `FileHandle`. */
export type Input = {
  read(into: Buffer, at: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
};

/** Where a line begins. Lines that are blank don't count. */
export type Place = {
  /** How many lines come before it. */
  readonly line: number;
  /** How many bytes come before it. */
  readonly offset: number;
};

/** A line of a file. */
export type Line = Place & {
  /** Its number in the file, from 1, blank lines counted; from where reading began. */
  readonly number: number;
  /** Where the next one begins. */
  readonly end: number;
  /** Undefined if it is too long. */
  readonly text: string | undefined;
  /** Whether it is valid UTF-8. */
  readonly isUtf8: boolean;
};

const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;
const SPACE = 0x20;

/** The lines that are read before others have their turn, blank ones counted. */
const LINES_AT_ONCE = 512;

const strict = new TextDecoder("utf-8", { fatal: true });
const lenient = new TextDecoder("utf-8");

/** A file has more blank lines than it may. */
export class TooManyBlankLinesError extends Error {
  override readonly name = "TooManyBlankLinesError";
  /** The number of the first line too many, from 1. */
  readonly line: number;

  constructor(line: number) {
    super(`Line ${line} is one blank line too many.`);
    this.line = line;
  }
}

/**
 * Reads a file's lines from a place on, with at most one of them in memory, and none that has more than `maxBytes`.
 * Throws `TooManyBlankLinesError` if more than `maxBlank` lines are blank.
 *
 * @param chunkBytes how much is read at once
 */
export async function* readLines(
  handle: Input,
  from: Place,
  maxBytes: number,
  maxBlank = Number.POSITIVE_INFINITY,
  chunkBytes = CHUNK_BYTES,
): AsyncGenerator<Line> {
  const chunk = Buffer.alloc(chunkBytes);
  let { line, offset: start } = from;
  let number = 0;
  let blank = 0;
  let pieces: Buffer[] = [];
  let bytes = 0;

  /** Undefined if the line is blank. */
  function finish(end: number): Line | undefined {
    number += 1;
    const isTooLong = bytes > maxBytes;
    const read = isTooLong ? { text: undefined, isUtf8: true } : decode(pieces);
    const place = { line, offset: start, number, end };
    pieces = [];
    bytes = 0;
    start = end;
    if (read.text === "") {
      blank += 1;
      if (blank > maxBlank) throw new TooManyBlankLinesError(number);
      return undefined;
    }
    line += 1;
    return { ...place, ...read };
  }

  for (let position = start; ; ) {
    const { bytesRead } = await handle.read(chunk, 0, chunkBytes, position);
    if (bytesRead === 0) break;
    const filled = chunk.subarray(0, bytesRead);
    for (let at = 0; at < bytesRead; ) {
      const newline = filled.indexOf(NEWLINE, at);
      const end = newline < 0 ? bytesRead : newline;
      bytes += end - at;
      if (bytes > maxBytes) pieces = [];
      else if (end > at) pieces.push(Buffer.from(filled.subarray(at, end)));
      at = end + 1;
      if (newline < 0) break;
      const finished = finish(position + at);
      if (finished !== undefined) yield finished;
      if (number % LINES_AT_ONCE === 0) await setImmediate();
    }
    position += bytesRead;
  }
  const last = bytes > 0 ? finish(start + bytes) : undefined;
  if (last !== undefined) yield last;
}

/** Without spaces around it, and without a byte-order mark. */
function decode(pieces: readonly Buffer[]): { readonly text: string; readonly isUtf8: boolean } {
  // Most blank lines are known without being decoded.
  if (pieces.every((piece) => piece.every(isSpace))) return { text: "", isUtf8: true };
  const bytes = Buffer.concat(pieces);
  try {
    return { text: strict.decode(bytes).trim(), isUtf8: true };
  } catch {
    return { text: lenient.decode(bytes).trim(), isUtf8: false };
  }
}

/** A space, or one of the tab, form feed and carriage return that end lines or fill them. */
function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= 0x09 && byte <= 0x0d);
}
