import { stat } from "node:fs/promises";
import { type DownloadContext, downloadFile, type RemoteFile } from "./download.ts";
import { GgufError, SourceError } from "./errors.ts";
import { checkGgufPart } from "./gguf/check.ts";
import { hashFile } from "./hash.ts";
import type { ReachBudget } from "./http/request.ts";
import { readPart, removePart } from "./part.ts";
import type { ProgressReporter } from "./progress.ts";

/** The expected properties of a file, as far as known. */
export type Expectation = { readonly sizeBytes?: number; readonly sha256?: string };

/**
 * Downloads a file to its `partPath` and checks it. If the hash is wrong after a resumed download, starts once from zero, because the file
 * may have changed.
 * @throws SourceError if the source doesn't have the right file; a wrong one is removed.
 */
export async function fetchFile(
  file: RemoteFile,
  budget: ReachBudget,
  context: DownloadContext,
  progress: ProgressReporter,
): Promise<void> {
  const { receivedBytes } = await readPart(file.partPath, file.url);
  const download = () =>
    downloadFile(file, budget, context, (received, total) => progress.report("downloading", received, total));
  await download();
  try {
    await verifyFile(file.partPath, file, context.signal, progress);
  } catch (error) {
    if (!(error instanceof SourceError) || receivedBytes === 0) throw error;
    await download();
    await verifyFile(file.partPath, file, context.signal, progress);
  }
}

/**
 * Checks a complete file's size, hash and header before it gets its final name.
 * @throws SourceError if one is wrong; the file is then removed.
 */
export async function verifyFile(
  path: string,
  { sizeBytes, sha256 }: Expectation,
  signal: AbortSignal,
  progress: ProgressReporter,
): Promise<void> {
  const { size } = await stat(path);
  if (sizeBytes !== undefined && size !== sizeBytes) {
    await removePart(path);
    throw new SourceError(`the file has ${size} bytes, but ${sizeBytes} were expected`);
  }
  if (sha256 !== undefined) {
    const actual = await hashFile(path, signal, (hashed) => progress.report("verifying", hashed, size));
    if (actual !== sha256) {
      await removePart(path);
      throw new SourceError(`the file's SHA-256 is ${actual}, but ${sha256} was expected; it was removed`);
    }
  }
  try {
    await checkGgufPart(path);
  } catch (error) {
    if (!(error instanceof GgufError)) throw error;
    // The right file, but not for this llama.cpp: it is kept, so that it isn't downloaded again each time.
    if (error.code.startsWith("unsupported_")) return;
    await removePart(path);
    throw new SourceError(`the downloaded file ${error.reason}`);
  }
}
