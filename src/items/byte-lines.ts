import { type Input, readLines } from "../batch/read-lines.ts";
import type { ReadLine } from "./item.ts";

/**
 * The lines of bytes that keep coming. Blank ones are left out. No more than a line is in memory, and of one that has more than `maxBytes`
 * nothing.
 */
export function linesOf(bytes: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<ReadLine> {
  return readLines(inputOf(bytes), { line: 0, offset: 0 }, maxBytes);
}

/** Reads one piece after another: `readLines` asks for the places in their order. */
function inputOf(bytes: AsyncIterable<Uint8Array>): Input {
  const pieces = bytes[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  return {
    async read(into, at, length) {
      while (rest.length === 0) {
        const { done, value } = await pieces.next();
        if (done === true) return { bytesRead: 0 };
        rest = value;
      }
      const taken = rest.subarray(0, length);
      into.set(taken, at);
      rest = rest.subarray(taken.length);
      return { bytesRead: taken.length };
    },
  };
}
