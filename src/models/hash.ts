import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

const CHUNK_BYTES = 1024 * 1024;

/**
 * Returns the SHA-256 of a file in lower-case hex. Reads the file from the disk, to check what was really written.
 * Throws the signal's reason when aborted.
 */
export async function hashFile(
  path: string,
  signal: AbortSignal,
  onHashed: (hashedBytes: number) => void,
): Promise<string> {
  const hash = createHash("sha256");
  let hashedBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    signal.throwIfAborted();
    const bytes: Buffer = chunk;
    hash.update(bytes);
    hashedBytes += bytes.length;
    onHashed(hashedBytes);
  }
  signal.throwIfAborted();
  return hash.digest("hex");
}
