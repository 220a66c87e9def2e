import { hash } from "node:crypto";
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import { z } from "zod";
import { unpackAnswer } from "../entry.ts";
import type { StoredEntry } from "../store.ts";
import type { Sought } from "../tier.ts";
import { isWhole, timedEvents } from "./events.ts";

/**
 * The format of a record: a byte for its version, one for the compression of the body, the SHA-256 of everything else, and the body: a line of JSON
 * with the metadata, and the packed answer.
 */
const VERSION = 1;
const PLAIN = 0;
const DEFLATED = 1;
const DIGEST_BYTES = 32;
const HEAD_BYTES = 2 + DIGEST_BYTES;
const NEW_LINE = 0x0a;
/** Compressing a smaller body gains nothing. */
const SMALLEST_DEFLATED = 256;

/** The largest body, uncompressed. */
const MAX_BYTES = 16 * 1024 * 1024;
/** The largest record: more takes too long to send. An answer of 10,000 tokens takes 45 KB. */
const MAX_WRITTEN_BYTES = 1024 * 1024;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

const knownSchema = z.object({ key: z.string(), storedMs: z.number().positive(), freshMs: z.number().positive() });

/** Returns undefined for an answer that is too long. Rejects if zlib has no memory. */
export async function writeRecord({ key, storedMs, freshMs, bytes }: StoredEntry): Promise<Buffer | undefined> {
  const rest = Buffer.concat([Buffer.from(`${JSON.stringify({ key, storedMs, freshMs })}\n`), bytes]);
  if (rest.length > MAX_BYTES) return undefined;
  const isDeflated = rest.length >= SMALLEST_DEFLATED;
  const written = isDeflated ? await deflate(rest) : rest;
  if (written.length > MAX_WRITTEN_BYTES) return undefined;
  const head = Buffer.of(VERSION, isDeflated ? DEFLATED : PLAIN);
  return Buffer.concat([head, digestOf(head, written), written]);
}

/**
 * Returns the answer in a record. Undefined if the record is damaged or forged, or isn't the whole answer to this request.
 */
export async function readRecord(record: Buffer, { key, label, request }: Sought): Promise<StoredEntry | undefined> {
  const head = record.subarray(0, 2);
  const written = record.subarray(HEAD_BYTES);
  if (record.length < HEAD_BYTES || head[0] !== VERSION) return undefined;
  if (!digestOf(head, written).equals(record.subarray(2, HEAD_BYTES))) return undefined;
  try {
    const rest = head[1] === DEFLATED ? await inflate(written, { maxOutputLength: MAX_BYTES }) : written;
    const end = rest.indexOf(NEW_LINE);
    const known = knownSchema.parse(JSON.parse(rest.toString("utf8", 0, end)));
    // A copy, so that the buffer of the record can be freed.
    const bytes = Buffer.allocUnsafeSlow(rest.length - end - 1);
    rest.copy(bytes, 0, end + 1);
    const events = timedEvents.parse(unpackAnswer(bytes)).map(({ event }) => event);
    if (known.key !== key || !isWhole(events, request.choices)) return undefined;
    return { ...known, ...label, bytes };
  } catch {
    // The digest is right but the contents aren't: the record is forged.
    return undefined;
  }
}

function digestOf(head: Buffer, written: Buffer): Buffer {
  return hash("sha256", Buffer.concat([head, written]), "buffer");
}
