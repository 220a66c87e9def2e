import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { FileIndex, FileRecord, FileStore } from "../store/files.ts";
import type { Either } from "../store/shelf.ts";
import type { FileFolder } from "./folder.ts";
import { FileTooLargeError } from "./too-large.ts";

/** A file to be stored. What is known only at its end is asked for then. */
type NewFile = {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Called when all bytes have come. What it throws ends the file. */
  readonly describe: () => { readonly filename: string; readonly purpose: string; readonly expiresMs: number | null };
};

/** The bytes of files, by their ids. Calls throw `StateError` if they can't be stored or read now. */
export type FileBytes = {
  /** Stores what `source` brings, for a tenant. Returns its size. Rejects with what `source` throws; then nothing is left. */
  readonly receive: (id: string, source: AsyncIterable<Uint8Array>, tenant: string) => Promise<number>;
  /** Opens a file to be read; undefined if its bytes are gone. */
  readonly read: (id: string) => Promise<Readable | undefined>;
  readonly remove: (id: string) => Promise<void>;
};

/** Stored files: rows with what is known of them, and bytes. */
export type Files = {
  readonly folder: FileBytes;
  /** Throws `FileTooLargeError`, `StateError`, and what its source throws. Then nothing is kept. */
  readonly add: (tenant: string, store: Either<FileStore>, file: NewFile) => Promise<FileRecord>;
  /** Rejects with `FileTooLargeError` if a file of this size could not be stored, with so many bytes together that are yet to come. */
  readonly assertRoomFor: (store: Either<FileStore>, comingBytes: number, fileBytes: number) => Promise<void>;
  readonly read: (record: FileRecord) => Promise<Readable | undefined>;
  readonly remove: (store: Either<FileStore>, id: string) => Promise<boolean>;
  /** Removes what has expired, and what ended processes left. Never rejects. */
  readonly tidy: () => Promise<void>;
  readonly close: () => void;
};

/** Rows of the state file, and bytes in a folder beside it. */
export type FolderFiles = Files & { readonly folder: FileFolder };

export type FilesOptions = {
  readonly folder: FileFolder;
  readonly index: FileIndex;
  /** Whether something else than a row refers to a file, such as a batch that writes it. */
  readonly isReferred?: (id: string) => boolean;
  /** The maximum size of one file, in bytes. */
  readonly maxFileBytes: number;
  /** The maximum size of a tenant's files together, in bytes. */
  readonly maxTenantBytes: number;
  /** How many files a tenant may have; 100,000 if absent. */
  readonly maxTenantFiles?: number;
  /** The time in Unix ms. */
  readonly now: () => number;
};

const EXPIRED_AT_ONCE = 100;

/** Empty files take no bytes, but rows. */
const MAX_TENANT_FILES = 100_000;

export function createFiles(options: FilesOptions): FolderFiles {
  const { folder, index, isReferred = () => false, maxFileBytes, maxTenantBytes, now } = options;
  const { maxTenantFiles = MAX_TENANT_FILES } = options;
  /** The bytes that arrive now, by tenant. */
  const arriving = new Map<string, number>();
  /** How many files have arrived: their bytes are then counted in the state. */
  let ended = 0;

  function assertBounds(fileBytes: number, allBytes: number): void {
    if (fileBytes > maxFileBytes) {
      throw new FileTooLargeError(
        "file_too_large",
        `The file is larger than ${maxFileBytes} bytes. Split it, or start Sluice with a larger --max-file-bytes.`,
      );
    }
    if (allBytes > maxTenantBytes) {
      throw new FileTooLargeError(
        "storage_limit_exceeded",
        `All files together would be larger than ${maxTenantBytes} bytes. Delete some, or start Sluice with a larger --max-stored-file-bytes.`,
      );
    }
  }

  async function* bounded(
    tenant: string,
    store: Either<FileStore>,
    source: AsyncIterable<Uint8Array>,
    count: (n: number) => void,
  ) {
    let storedBytes = await store.usedBytes();
    let known = ended;
    let bytes = 0;
    for await (const chunk of source) {
      if (known !== ended) {
        storedBytes = await store.usedBytes();
        known = ended;
      }
      bytes += chunk.byteLength;
      count(chunk.byteLength);
      assertBounds(bytes, storedBytes + (arriving.get(tenant) ?? 0));
      yield chunk;
    }
  }

  return {
    folder,
    async assertRoomFor(store, comingBytes, fileBytes) {
      assertBounds(fileBytes, (await store.usedBytes()) + comingBytes);
    },
    async add(tenant, store, { bytes, describe }) {
      const id = newFileId();
      let counted = 0;
      const count = (n: number) => {
        counted += n;
        arriving.set(tenant, (arriving.get(tenant) ?? 0) + n);
      };
      let record: FileRecord | undefined;
      try {
        const size = await folder.receive(
          id,
          andThen(bounded(tenant, store, bytes, count), () => {
            record = { id, createdMs: now(), bytes: counted, ...describe() };
          }),
        );
        if (record === undefined) throw new Error("A file's bytes were not read to their end.");
        record = { ...record, bytes: size };
        // Another process may have stored files meanwhile.
        if (!(await store.add(record, { maxBytes: maxTenantBytes, maxFiles: maxTenantFiles }))) {
          throw new FileTooLargeError(
            "storage_limit_exceeded",
            `There would be more than ${maxTenantFiles} files, or more than ${maxTenantBytes} bytes in all files together. Delete some, or start Sluice with a larger --max-stored-file-bytes.`,
          );
        }
        return record;
      } catch (error) {
        await folder.remove(id).catch(() => {});
        throw error;
      } finally {
        ended += 1;
        const rest = (arriving.get(tenant) ?? 0) - counted;
        if (rest > 0) arriving.set(tenant, rest);
        else arriving.delete(tenant);
      }
    },
    read: (record) => folder.read(record.id),
    async remove(store, id) {
      // The row goes first: a file without one is swept, and a row without its file would be an error.
      const isGone = await store.remove(id);
      if (isGone) await folder.remove(id);
      return isGone;
    },
    async tidy() {
      try {
        for (let last = 0; ; ) {
          const expired = index.expired(EXPIRED_AT_ONCE, last);
          for (const { seq, id } of expired) {
            last = seq;
            if (isReferred(id)) continue;
            index.remove(id);
            await folder.remove(id);
          }
          if (expired.length < EXPIRED_AT_ONCE) break;
          await nextTurn();
        }
        await folder.sweep((id) => index.has(id) || isReferred(id));
      } catch {
        // It is tried again later, and whoever stores something is told what is wrong.
      }
    },
    close: folder.close,
  };
}

/** `file-` and 32 hexadecimal digits. */
export function newFileId(): string {
  return `file-${randomUUID().replaceAll("-", "")}`;
}

/** Calls `act` after the last chunk, before the consumer learns of the end. */
async function* andThen(source: AsyncIterable<Uint8Array>, act: () => void): AsyncGenerator<Uint8Array> {
  yield* source;
  act();
}
