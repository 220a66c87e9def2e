import { Readable } from "node:stream";
import type { Input } from "../batch/read-lines.ts";
import type { FileBytes } from "../files/files.ts";
import { FileTooLargeError } from "../files/too-large.ts";
import { PIECE_BYTES, pieceName } from "./names.ts";
import { numberOf, textOf, wordsOf } from "./replies.ts";
import { DROP_FILE, FORGET_GARBAGE, GET_FILE, PUT_PIECE, TIDY } from "./scripts.ts";
import type { SharedStore } from "./store.ts";

export type SharedBytesOptions = {
  readonly store: SharedStore;
  /** The maximum size of a tenant's files together, in bytes. */
  readonly maxTenantBytes: number;
  /** The maximum size of all files together, in bytes. */
  readonly maxAllBytes: number;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** The bytes of files, in Redis. */
export type SharedBytes = FileBytes & {
  /** A file, to be read at any place; undefined if it is gone. */
  readonly inputOf: (id: string) => Promise<Input | undefined>;
  /** Removes what has expired, what ended gateways left half stored, and what is left of removed files. */
  readonly tidy: () => Promise<void>;
};

/** The pieces that are removed at once. */
const UNLINKED_AT_ONCE = 256;

export function createSharedBytes({ store, maxTenantBytes, maxAllBytes, now }: SharedBytesOptions): SharedBytes {
  async function put(tenant: string, id: string, piece: number, bytes: Buffer): Promise<void> {
    const refusal = await store.call(PUT_PIECE, tenant, id, piece, bytes, maxTenantBytes, maxAllBytes);
    if (refusal === 1) {
      throw new FileTooLargeError(
        "storage_limit_exceeded",
        `All files together would be larger than ${maxTenantBytes} bytes. Delete some, or start Sluice with a larger --max-stored-file-bytes.`,
      );
    }
    if (refusal === 2) {
      throw new FileTooLargeError(
        "storage_limit_exceeded",
        `The files that the gateways share would be larger than ${maxAllBytes} bytes. Delete some, or start Sluice with a larger --max-shared-file-bytes.`,
      );
    }
  }

  async function receive(id: string, source: AsyncIterable<Uint8Array>, tenant: string): Promise<number> {
    let [bytes, piece, gathered] = [0, 0, 0];
    let parts: Uint8Array[] = [];
    const flush = async (): Promise<void> => {
      if (gathered === 0 && piece > 0) return;
      await put(tenant, id, piece, Buffer.concat(parts));
      [piece, gathered, parts] = [piece + 1, 0, []];
    };
    try {
      for await (const chunk of source) {
        bytes += chunk.byteLength;
        for (let at = 0; at < chunk.byteLength; ) {
          const part = chunk.subarray(at, at + PIECE_BYTES - gathered);
          parts.push(part);
          gathered += part.byteLength;
          at += part.byteLength;
          if (gathered === PIECE_BYTES) await flush();
        }
      }
      await flush();
      return bytes;
    } catch (error) {
      await remove(id).catch(() => {});
      throw error;
    }
  }

  async function read(id: string): Promise<Readable | undefined> {
    const is = wordsOf(await store.call(GET_FILE, id));
    if (textOf(is[6]) === undefined) return undefined;
    return Readable.from(piecesOf(id, numberOf(is[3])), { objectMode: false });
  }

  async function* piecesOf(id: string, bytes: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes; at += PIECE_BYTES) {
      const piece = await pieceOf(id, at / PIECE_BYTES);
      yield piece.subarray(0, bytes - at);
    }
  }

  async function pieceOf(id: string, piece: number): Promise<Buffer> {
    const bytes = await store.get(pieceName(id, piece));
    if (bytes === undefined) throw new Error(`The file '${id}' was removed while it was read.`);
    return bytes;
  }

  async function inputOf(id: string): Promise<Input | undefined> {
    const is = wordsOf(await store.call(GET_FILE, id));
    if (textOf(is[6]) === undefined) return undefined;
    const size = numberOf(is[3]);
    let cached: { readonly piece: number; readonly bytes: Buffer } | undefined;
    return {
      async read(into, at, length, position) {
        if (position >= size) return { bytesRead: 0 };
        const piece = Math.floor(position / PIECE_BYTES);
        if (cached?.piece !== piece) cached = { piece, bytes: await pieceOf(id, piece) };
        const from = position - piece * PIECE_BYTES;
        return { bytesRead: cached.bytes.copy(into, at, from, Math.min(from + length, PIECE_BYTES)) };
      },
    };
  }

  /** What is known of it goes first, so that a gateway that is killed here leaves garbage that another one removes. */
  async function remove(id: string): Promise<void> {
    const pieces = numberOf(wordsOf([await store.call(DROP_FILE, id)])[0]);
    if (pieces > 0) await unlink(id, pieces);
  }

  async function unlink(id: string, pieces: number): Promise<void> {
    for (let from = 0; from < pieces; from += UNLINKED_AT_ONCE) {
      const count = Math.min(UNLINKED_AT_ONCE, pieces - from);
      await store.unlink(Array.from({ length: count }, (_, n) => pieceName(id, from + n)));
    }
    await store.call(FORGET_GARBAGE, id);
  }

  async function tidy(): Promise<void> {
    for (;;) {
      const left = wordsOf(flat(await store.call(TIDY, now())));
      for (let at = 0; at + 1 < left.length; at += 2) await unlink(textOf(left[at]) ?? "", numberOf(left[at + 1]));
      if (left.length < 200) return;
    }
  }

  return { receive, read, remove, inputOf, tidy };
}

/** With scores, a list of pairs or of words, as the protocol's version has it. */
function flat(reply: unknown): unknown {
  return Array.isArray(reply) ? reply.flat() : reply;
}
