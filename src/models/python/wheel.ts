import type { FileHandle } from "node:fs/promises";
import { openPromise } from "yauzl";
import { messageOf, SourceError } from "../errors.ts";

/** A wheel of a model has a dozen members. */
const MAX_MEMBERS = 100_000;

export type ExtractOptions = {
  readonly signal: AbortSignal;
  /** The maximum size to write. */
  readonly maxBytes: number;
  readonly onBytes: (writtenBytes: number) => void;
};

/**
 * Writes one member of a wheel (a zip file) to `target` from `offset` on, and returns how many bytes it has.
 * @throws SourceError if the wheel is damaged, or the member is missing or too large. Throws the signal's reason when aborted.
 */
export async function extractMember(
  wheelPath: string,
  member: string,
  target: FileHandle,
  offset: number,
  options: ExtractOptions,
): Promise<number> {
  try {
    return await copyMember(wheelPath, member, target, offset, options);
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof SourceError || isSystemError(error)) throw error;
    throw new SourceError(`the wheel is damaged: ${messageOf(error)}`);
  }
}

async function copyMember(
  wheelPath: string,
  member: string,
  target: FileHandle,
  offset: number,
  { signal, maxBytes, onBytes }: ExtractOptions,
): Promise<number> {
  const wheel = await openPromise(wheelPath, { autoClose: false });
  try {
    let seen = 0;
    for await (const entry of wheel.eachEntry()) {
      if (++seen > MAX_MEMBERS) throw new SourceError(`the wheel has more than ${MAX_MEMBERS} members`);
      if (entry.fileName !== member) continue;
      if (entry.uncompressedSize > maxBytes) {
        throw new SourceError(
          `the wheel's ${member} has ${entry.uncompressedSize} bytes; at most ${maxBytes} were expected`,
        );
      }
      let written = 0;
      for await (const chunk of await wheel.openReadStreamPromise(entry)) {
        signal.throwIfAborted();
        const bytes: Buffer = chunk;
        await target.write(bytes, 0, bytes.length, offset + written);
        written += bytes.length;
        onBytes(written);
      }
      return written;
    }
    throw new SourceError(`the wheel has no member ${member}`);
  } finally {
    wheel.close();
  }
}

/** A full disk or a missing permission is not the wheel's fault. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
