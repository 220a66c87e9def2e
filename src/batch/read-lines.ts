import type { FileHandle } from "node:fs/promises";

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

const strict = new TextDecoder("utf-8", { fatal: true });
const lenient = new TextDecoder("utf-8");

/** Reads a file's lines from a place on, with at most one of them in memory, and none that has more than `maxBytes`. */
export async function* readLines(handle: FileHandle, from: Place, maxBytes: number): AsyncGenerator<Line> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let { line, offset: start } = from;
  let number = 0;
  let pieces: Buffer[] = [];
  let bytes = 0;

  function* finish(end: number): Generator<Line> {
    number += 1;
    const isTooLong = bytes > maxBytes;
    const whole = isTooLong ? undefined : Buffer.concat(pieces);
    const place = { line, offset: start, number, end };
    pieces = [];
    bytes = 0;
    start = end;
    if (whole === undefined) {
      line += 1;
      yield { ...place, text: undefined, isUtf8: true };
      return;
    }
    const decoded = decode(whole);
    if (decoded.text === "") return;
    line += 1;
    yield { ...place, ...decoded };
  }

  for (let position = start; ; ) {
    const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) break;
    for (let at = 0; at < bytesRead; ) {
      const newline = chunk.subarray(0, bytesRead).indexOf(NEWLINE, at);
      const end = newline < 0 ? bytesRead : newline;
      bytes += end - at;
      if (bytes > maxBytes) pieces = [];
      else if (end > at) pieces.push(Buffer.from(chunk.subarray(at, end)));
      at = end + 1;
      if (newline >= 0) yield* finish(position + at);
    }
    position += bytesRead;
  }
  if (bytes > 0) yield* finish(start + bytes);
}

/** Without spaces around it, and without a byte-order mark. */
function decode(bytes: Buffer): { readonly text: string; readonly isUtf8: boolean } {
  try {
    return { text: strict.decode(bytes).trim(), isUtf8: true };
  } catch {
    return { text: lenient.decode(bytes).trim(), isUtf8: false };
  }
}
