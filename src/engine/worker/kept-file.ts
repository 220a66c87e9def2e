import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { z } from "zod";
import type { Prefix } from "./prefix.ts";

/*
 * A kept file is llama.cpp's state file, followed by the tokens (32 bits each, little-endian), a description in JSON, and a footer of
 * 20 bytes: the mark, the lengths of the tokens and of the description, and the CRC-32 of both. llama.cpp ignores what follows its state.
 */
const MARK = "SLUICEK1";
const FOOTER_BYTES = MARK.length + 12;
const TOKEN_BYTES = 4;
/** Far more than any context and any description. */
const MAX_TOKENS = 4_194_304;
const MAX_DESCRIPTION_BYTES = 4096;
/** How much is read at a time to compute a checksum. */
const PIECE_BYTES = 4 * 1024 ** 2;

const count = z.int().min(0).max(MAX_TOKENS);
const description = z.object({
  fingerprint: z.string().max(256),
  /** The length and the CRC-32 of llama.cpp's part. */
  stateBytes: z.int().min(1),
  stateCrc: z.int().min(0),
  promptTokens: count,
  exactTokens: count,
  headTokens: count,
});

/** A kept file's content, without the state itself. */
export type KeptPrefix = Prefix & z.infer<typeof description> & { readonly sizeBytes: number };

/**
 * Appends a prefix's description to a state file that llama.cpp has written. Returns the file's size in bytes. Throws the system's errors,
 * such as that of a full disk.
 */
export async function sealFile(path: string, prefix: Prefix, fingerprint: string): Promise<number> {
  const { tokens, promptTokens, exactTokens, headTokens } = prefix;
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    const state = { stateBytes: size, stateCrc: await checksum(file, size) };
    const text = JSON.stringify({ fingerprint, ...state, promptTokens, exactTokens, headTokens });
    const body = Buffer.concat([encodeTokens(tokens), Buffer.from(text)]);
    const footer = Buffer.alloc(FOOTER_BYTES);
    footer.write(MARK, "latin1");
    footer.writeUInt32LE(tokens.length, MARK.length);
    footer.writeUInt32LE(body.length - tokens.length * TOKEN_BYTES, MARK.length + 4);
    footer.writeUInt32LE(crc32(body), MARK.length + 8);
    const end = Buffer.concat([body, footer]);
    const { bytesWritten } = await file.write(end, 0, end.length, size);
    if (bytesWritten !== end.length) throw new Error("The disk took only a part of the file.");
    return size + end.length;
  } finally {
    await file.close();
  }
}

/** Reads a kept file's description and tokens, but not its state. Undefined if they are damaged, or if the file is another's. */
export function readKept(path: string, fingerprint: string): KeptPrefix | undefined {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const footer = readAt(file, size - FOOTER_BYTES, FOOTER_BYTES);
    if (footer === undefined || footer.toString("latin1", 0, MARK.length) !== MARK) return undefined;
    const tokenBytes = footer.readUInt32LE(MARK.length) * TOKEN_BYTES;
    const textBytes = footer.readUInt32LE(MARK.length + 4);
    if (tokenBytes > MAX_TOKENS * TOKEN_BYTES || textBytes > MAX_DESCRIPTION_BYTES) return undefined;
    const stateBytes = size - FOOTER_BYTES - tokenBytes - textBytes;
    const body = readAt(file, stateBytes, tokenBytes + textBytes);
    if (body === undefined || crc32(body) !== footer.readUInt32LE(MARK.length + 8)) return undefined;
    const said = description.safeParse(JSON.parse(body.toString("utf8", tokenBytes)));
    if (!said.success || said.data.fingerprint !== fingerprint || said.data.stateBytes !== stateBytes) return undefined;
    return { ...said.data, tokens: decodeTokens(body, tokenBytes), sizeBytes: size };
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** Whether the state in a kept file is as it was written. Reads all of it. */
export async function isIntact(path: string, { stateBytes, stateCrc }: KeptPrefix): Promise<boolean> {
  const file = await open(path, "r");
  try {
    return (await checksum(file, stateBytes)) === stateCrc;
  } finally {
    await file.close();
  }
}

/** The CRC-32 of a file's first bytes. In pieces, because a state may be larger than the memory that is left. */
async function checksum(file: FileHandle, length: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(length, PIECE_BYTES));
  let crc = 0;
  for (let position = 0; position < length; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - position), position);
    if (bytesRead === 0) throw new Error("The file is shorter than it says.");
    crc = crc32(buffer.subarray(0, bytesRead), crc);
    position += bytesRead;
  }
  return crc;
}

function readAt(file: number, position: number, length: number): Buffer | undefined {
  if (position < 0) return undefined;
  const buffer = Buffer.alloc(length);
  return readSync(file, buffer, 0, length, position) === length ? buffer : undefined;
}

function encodeTokens(tokens: readonly number[]): Buffer {
  const bytes = Buffer.alloc(tokens.length * TOKEN_BYTES);
  for (const [index, token] of tokens.entries()) bytes.writeUInt32LE(token, index * TOKEN_BYTES);
  return bytes;
}

function decodeTokens(bytes: Buffer, length: number): number[] {
  return Array.from({ length: length / TOKEN_BYTES }, (_, index) => bytes.readUInt32LE(index * TOKEN_BYTES));
}
