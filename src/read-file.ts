import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { open } from "node:fs/promises";

/** Opening a pipe that nobody writes to, or a terminal, would wait for ever. */
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK;

/** How long a pipe may take to be written. The event loop stands still meanwhile. */
const MAX_WAIT_MS = 1_000;
const LOOK_AGAIN_MS = 10;
const MAX_TEXT_BYTES = 1024 * 1024;

/** A file that can't be read as one: what it is, and what to do. */
class NoFileError extends Error {
  override readonly name = "NoFileError";
}

/**
 * Reads `maxBytes` of a file at most. Of a pipe, such as a shell's `<(…)`, reads what is in it and comes within a second; a device is read like one.
 * Throws Node's errors, and a `NoFileError` for a pipe or a device that has nothing to read.
 */
export function readBytes(path: string, maxBytes: number): Uint8Array {
  const file = openSync(path, WITHOUT_WAITING);
  try {
    const stats = fstatSync(file);
    const buffer = Buffer.alloc(maxBytes);
    const endMs = performance.now() + MAX_WAIT_MS;
    let length = 0;
    while (length < maxBytes) {
      const count = readSome(file, buffer, length);
      if (count === 0) break;
      if (count !== undefined) length += count;
      else if (performance.now() < endMs) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AGAIN_MS);
      else throw new NoFileError(`it is a ${kindOf(stats)}, and its end didn't come within ${MAX_WAIT_MS / 1_000} s.`);
    }
    if (length === 0 && stats.isFIFO()) {
      throw new NoFileError("it is a pipe with nothing in it. A pipe can be read only once: name a file.");
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

/** Reads a text of 1 MiB at most, such as a key or a certificate. Throws the same errors, and a `NoFileError` for more. */
export function readText(path: string): string {
  const bytes = readBytes(path, MAX_TEXT_BYTES + 1);
  if (bytes.length > MAX_TEXT_BYTES) throw new NoFileError(`${path} is larger than 1 MiB.`);
  return new TextDecoder().decode(bytes);
}

/** Undefined if there is nothing to read yet. */
function readSome(file: number, buffer: Buffer, at: number): number | undefined {
  try {
    return readSync(file, buffer, at, buffer.length - at, null);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined;
    throw error;
  }
}

/**
 * Reads a regular file of `maxBytes` at most, without holding up the event loop. Throws Node's errors, and a `NoFileError` for what is no file
 * or too large.
 */
export async function readRegularFile(
  path: string,
  maxBytes: number,
): Promise<{ readonly bytes: Buffer; readonly stats: Stats }> {
  const file = await open(path, WITHOUT_WAITING);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new NoFileError(`it is a ${kindOf(stats)}, not a file.`);
    if (stats.size > maxBytes) throw new NoFileError(`it is larger than ${maxBytes} bytes.`);
    return { bytes: await file.readFile(), stats };
  } finally {
    await file.close();
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "folder";
  if (stats.isFIFO()) return "pipe";
  return stats.isSocket() ? "socket" : "device";
}
