import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { KEY_VERSION } from "./key.ts";
import type { StoredEntry } from "./store.ts";

/**
 * The format of the file: a line with its version, then for each answer the length of its record (32 bits, little-endian), the record's SHA-256,
 * and the record: a line of JSON with the metadata, and the packed answer.
 */
const HEAD = Buffer.from(`sluice answers ${KEY_VERSION}\n`);
const LENGTH_BYTES = 4;
const DIGEST_BYTES = 32;
const READ_BYTES = 1024 * 1024;
const NEW_LINE = 0x0a;

/** Writes all entries to `path`, or leaves the file as it was and throws the system's error. Only its owner can read it. */
export async function writeAnswers(path: string, entries: Iterable<StoredEntry>): Promise<void> {
  const unfinished = `${path}.tmp`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await pipeline(Readable.from(frames(entries)), createWriteStream(unfinished, { mode: 0o600, flush: true }));
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/**
 * Yields the answers in the file at `path`, up to the first damage; none if it has another version. Throws the system's error.
 *
 * @param maxRecordBytes a longer record counts as damage
 */
export async function* readAnswers(path: string, maxRecordBytes: number): AsyncGenerator<StoredEntry> {
  let rest: Buffer = Buffer.alloc(0);
  let hasHead = false;
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) {
    rest = Buffer.concat([rest, chunk]);
    if (!hasHead) {
      if (rest.length < HEAD.length) continue;
      if (!rest.subarray(0, HEAD.length).equals(HEAD)) return;
      hasHead = true;
      rest = rest.subarray(HEAD.length);
    }
    while (rest.length >= LENGTH_BYTES + DIGEST_BYTES) {
      const length = rest.readUInt32LE(0);
      if (length > maxRecordBytes) return;
      const begin = LENGTH_BYTES + DIGEST_BYTES;
      if (rest.length < begin + length) break;
      const record = rest.subarray(begin, begin + length);
      if (!digestOf(record).equals(rest.subarray(LENGTH_BYTES, begin))) return;
      yield fromRecord(record);
      rest = rest.subarray(begin + length);
    }
  }
}

function* frames(entries: Iterable<StoredEntry>): Generator<Buffer> {
  yield HEAD;
  for (const entry of entries) {
    const record = toRecord(entry);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(record.length);
    yield Buffer.concat([length, digestOf(record), record]);
  }
}

function toRecord({ bytes, ...known }: StoredEntry): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(known)}\n`), bytes]);
}

/** The digest matched, so the record is the output of `toRecord`. */
function fromRecord(record: Buffer): StoredEntry {
  const end = record.indexOf(NEW_LINE);
  const known: Omit<StoredEntry, "bytes"> = JSON.parse(record.toString("utf8", 0, end));
  // A copy, so that the buffer of the file can be freed.
  const bytes = Buffer.allocUnsafeSlow(record.length - end - 1);
  record.copy(bytes, 0, end + 1);
  return { ...known, bytes };
}

function digestOf(record: Buffer): Buffer {
  return createHash("sha256").update(record).digest();
}
