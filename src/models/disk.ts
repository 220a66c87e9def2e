import { open, rename, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { SourceError } from "./errors.ts";

/** The space to keep free for the system, logs and the user's files. */
const MARGIN_BYTES = 128 * 1024 * 1024;
const DISK_ADVICE = "Free some disk space, or choose a folder on another disk with --models-dir.";

/** Returns the free bytes for an ordinary user on the disk of `folder`. */
export async function freeDiskBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/**
 * Checks that `neededBytes` more fit on the disk of `folder`, with a margin.
 * @throws SourceError with both numbers if they don't.
 */
export async function requireDiskSpace(
  folder: string,
  neededBytes: number,
  freeBytes: (folder: string) => Promise<number>,
): Promise<void> {
  if (neededBytes <= 0) return;
  const free = await freeBytes(folder);
  if (free >= neededBytes + MARGIN_BYTES) return;
  const needed = `${formatMegabytes(neededBytes)} and a margin of ${formatMegabytes(MARGIN_BYTES)} are needed`;
  throw new SourceError(`the disk is too full: ${needed}, ${formatMegabytes(free)} are free`, { advice: DISK_ADVICE });
}

/** Makes the source's error for a write that failed because the disk is full; undefined for any other failure. */
export function diskFailure(error: unknown): SourceError | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code !== "ENOSPC" && code !== "EDQUOT") return undefined;
  return new SourceError("the disk filled up meanwhile", { advice: DISK_ADVICE });
}

/** Returns how many bytes may still be written to the disk of `folder` without using the margin. */
export async function spareDiskBytes(folder: string, freeBytes: (folder: string) => Promise<number>): Promise<number> {
  return Math.max(0, (await freeBytes(folder)) - MARGIN_BYTES);
}

/** Gives a complete, synced file its final name. After a power cut there is either the whole file or none. */
export async function moveIntoPlace(from: string, to: string): Promise<void> {
  await rename(from, to);
  if (process.platform === "win32") return;
  const folder = await open(dirname(to), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function formatMegabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6).toLocaleString("en")} MB`;
}
