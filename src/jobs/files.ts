import { setInterval } from "node:timers";
import { type Files, newFileId } from "../files/files.ts";
import type { OpenFiles } from "../files/open.ts";
import { FileTooLargeError } from "../files/too-large.ts";
import type { FileRecord } from "../store/files.ts";
import type { SharedBytes } from "./file-bytes.ts";

export type SharedFilesOptions = {
  readonly bytes: SharedBytes;
  readonly maxFileBytes: number;
  readonly maxTenantBytes: number;
  readonly maxTenantFiles?: number;
  /** Removes what else is old. */
  readonly tidyMore: () => Promise<void>;
  /** The time in Unix ms. */
  readonly now: () => number;
};

const TIDY_EVERY_MS = 60 * 60 * 1000;
const MAX_TENANT_FILES = 100_000;

/** Stored files that several gateways share. */
export function openSharedFiles(options: SharedFilesOptions): OpenFiles {
  const { bytes, maxFileBytes, maxTenantBytes, maxTenantFiles = MAX_TENANT_FILES, tidyMore, now } = options;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function assertSize(fileBytes: number): void {
    if (fileBytes <= maxFileBytes) return;
    throw new FileTooLargeError(
      "file_too_large",
      `The file is larger than ${maxFileBytes} bytes. Split it, or start Sluice with a larger --max-file-bytes.`,
    );
  }

  async function* bounded(source: AsyncIterable<Uint8Array>, atEnd: (size: number) => void) {
    let size = 0;
    for await (const chunk of source) {
      size += chunk.byteLength;
      assertSize(size);
      yield chunk;
    }
    atEnd(size);
  }

  const files: Files = {
    folder: bytes,
    async assertRoomFor(store, comingBytes, fileBytes) {
      assertSize(fileBytes);
      if ((await store.usedBytes()) + comingBytes <= maxTenantBytes) return;
      throw tooMuch(maxTenantFiles, maxTenantBytes);
    },
    async add(tenant, store, { bytes: source, describe }) {
      const id = newFileId();
      let record: FileRecord | undefined;
      const atEnd = (size: number) => {
        record = { id, createdMs: now(), bytes: size, ...describe() };
      };
      await bytes.receive(id, bounded(source, atEnd), tenant);
      try {
        if (record === undefined) throw new Error("A file's bytes were not read to their end.");
        const isStored = await store.add(record, { maxBytes: maxTenantBytes, maxFiles: maxTenantFiles });
        if (!isStored) throw tooMuch(maxTenantFiles, maxTenantBytes);
        return record;
      } catch (error) {
        await bytes.remove(id).catch(() => {});
        throw error;
      }
    },
    read: ({ id }) => bytes.read(id),
    async remove(store, id) {
      const isGone = await store.remove(id);
      // The rest of it is garbage now, which is removed at once if that works.
      if (isGone) await bytes.tidy().catch(() => {});
      return isGone;
    },
    async tidy() {
      try {
        await bytes.tidy();
        await tidyMore();
      } catch {
        // It is tried again later.
      }
    },
    close() {},
  };

  return {
    async open() {
      if (timer === undefined && !isClosed) {
        timer = setInterval(() => void files.tidy(), TIDY_EVERY_MS).unref();
        void files.tidy();
      }
      return files;
    },
    async close() {
      isClosed = true;
      clearInterval(timer);
    },
  };
}

function tooMuch(files: number, bytes: number): FileTooLargeError {
  return new FileTooLargeError(
    "storage_limit_exceeded",
    `There would be more than ${files} files, or more than ${bytes} bytes in all files together. Delete some, or start Sluice with a larger --max-stored-file-bytes.`,
  );
}
