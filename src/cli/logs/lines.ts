import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";

/** A longer line is cut: no line of Sluice's is as long. */
const MAX_LINE = 1024 * 1024;
/** How often a file is looked at for new lines. */
const LOOK_MS = 250;

/** The lines of a text that comes in pieces. The last may have no end. */
export async function* splitLines(pieces: AsyncIterable<string | Buffer>): AsyncGenerator<string> {
  const cut = createCutter();
  // A piece may end in the middle of a character.
  const decoder = new TextDecoder();
  for await (const piece of pieces) {
    yield* cut.take(typeof piece === "string" ? piece : decoder.decode(piece, { stream: true }));
  }
  yield* cut.end();
}

/**
 * The lines of a file, and those that are added later. A file that was replaced or emptied is read from its beginning. Ends when the signal is
 * aborted.
 */
export async function* followLines(file: string, signal: AbortSignal): AsyncGenerator<string> {
  let cut = createCutter();
  let read = { at: 0, inode: -1 };
  while (!signal.aborted) {
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined) {
      if (found.ino !== read.inode || found.size < read.at) {
        if (read.inode >= 0) yield* cut.end();
        [cut, read] = [createCutter(), { at: 0, inode: found.ino }];
      }
      if (found.size > read.at) {
        const pieces = createReadStream(file, { start: read.at, end: found.size - 1, encoding: "utf8" });
        for await (const piece of pieces) yield* cut.take(String(piece));
        read = { ...read, at: found.size };
        continue;
      }
    }
    await wait(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}

function createCutter() {
  let rest = "";
  return {
    take(piece: string): string[] {
      const lines = (rest + piece).split("\n");
      rest = (lines.pop() ?? "").slice(0, MAX_LINE);
      return lines.map((line) => line.slice(0, MAX_LINE));
    },
    end(): string[] {
      const last = rest;
      rest = "";
      return last === "" ? [] : [last];
    },
  };
}
