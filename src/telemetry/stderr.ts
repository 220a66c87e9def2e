import { type DestinationStream, destination, levels, symbols } from "pino";

/**
 * So many characters of lines are passed on together, in the next turn of the event loop. SonicBoom measures all that it holds again with each line
 * that it is given, which took twice as long as making the line.
 */
const GATHERED_CHARS = 16 * 1024;

/** So many are passed on in the same turn: what a turn writes is held until then. */
const MOST_GATHERED_CHARS = 16 * GATHERED_CHARS;

/** Pieces that are shorter than `minLength` in any script, and split no character. */
const PIECES = /[\s\S]{1,15000}/gu;

/**
 * In bytes. `maxLength` waits for a slow reader of stderr; more is dropped. Nothing is written but by `flush`, since `minLength` is more than the
 * gathered characters can have: what is passed on at the exit must not begin a write that nobody waits for.
 */
const WRITES = { minLength: 4 * GATHERED_CHARS - 1, maxWrite: 4 * GATHERED_CHARS, maxLength: 4 * 1024 * 1024 };

/** Fewer characters are written after this time. */
const MAX_DELAY_MS = 100;

const WARN = levels.values.warn ?? 0;

/**
 * Writes in the background, so that a slow reader blocks no request, and many lines at once, since a write takes as long as making a line. The
 * rest is written when the process exits, also after an uncaught error.
 *
 * Nothing begins to be written in the turn that gathered it, but warnings: a turn may end with the exit, which writes at once, and would overtake a
 * write that waits for a thread.
 */
export function plainStderr(): DestinationStream {
  // Before SonicBoom's own listeners, which write what it was given.
  process.on("beforeExit", flushSync).on("exit", flushSync);
  const stderr = destination({ ...WRITES, fd: 2, sync: false });
  let timer: NodeJS.Timeout | undefined;
  let nextTurn: NodeJS.Immediate | undefined;
  let gathered = "";
  let unwrittenBytes = 0;
  let isUrgent = false;

  function passOn(): void {
    if (gathered === "") return;
    unwrittenBytes += Buffer.byteLength(gathered);
    stderr.write(gathered);
    gathered = "";
  }

  function flush(): void {
    clearTimeout(timer);
    clearImmediate(nextTurn);
    timer = undefined;
    nextTurn = undefined;
    passOn();
    stderr.flush();
  }

  /** In pieces, since more at once begins a write that nobody waits for. */
  function flushSync(): void {
    const pieces = gathered.match(PIECES) ?? [];
    gathered = "";
    stderr.flushSync();
    for (const piece of pieces) {
      stderr.write(piece);
      stderr.flushSync();
    }
    unwrittenBytes = 0;
  }

  stderr.on("write", (bytes: number) => {
    unwrittenBytes = Math.max(0, unwrittenBytes - bytes);
  });
  stderr.on("drop", (lines: string) => {
    unwrittenBytes -= Buffer.byteLength(lines);
  });
  // It ignores a flush during a write.
  stderr.on("drain", () => {
    if (unwrittenBytes > 0) flush();
    else isUrgent = false;
  });
  const batched = {
    [symbols.needsMetadataGsym]: true as const,
    /** Set by pino before each line. */
    lastLevel: 0,
    write(line: string): void {
      gathered += line;
      // A process that is killed must not take the reason with it.
      isUrgent ||= batched.lastLevel >= WARN;
      if (isUrgent || gathered.length >= MOST_GATHERED_CHARS) flush();
      else if (gathered.length >= GATHERED_CHARS) nextTurn ??= setImmediate(flush);
      else timer ??= setTimeout(flush, MAX_DELAY_MS).unref();
    },
    flushSync,
  };
  return batched;
}
