import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { requireDiskSpace, spareDiskBytes } from "./disk.ts";
import { SourceError } from "./errors.ts";
import { readBody } from "./http/body.ts";
import { statusFailure } from "./http/failure.ts";
import { createReachBudget, type ReachBudget, type Reply, type RequestContext, request } from "./http/request.ts";
import { type Part, readPart, removePart, resumeHeaders, writePartState } from "./part.ts";

/** A file to download, and its known properties. */
export type RemoteFile = {
  readonly url: URL;
  /** The path of the partial file. */
  readonly partPath: string;
  readonly sizeBytes?: number;
  readonly sha256?: string;
};

export type DownloadContext = RequestContext & {
  /** The time without data after which a transfer counts as stalled. */
  readonly stallTimeoutMs: number;
  /** Returns the delay before the nth retry in a row, in ms. */
  readonly retryDelayMs: (retry: number) => number;
  readonly freeBytes: (folder: string) => Promise<number>;
};

export type OnBytes = (receivedBytes: number, totalBytes: number | undefined) => void;

/** The maximum number of retries in a row without new data, and in all. */
const MAX_FRUITLESS_RETRIES = 4;
const MAX_RETRIES = 100;
const MAGIC = Buffer.from("GGUF");

/**
 * Downloads a file to its `partPath`, resuming an earlier run, and syncs it to the disk. A transfer that stalls or breaks off is resumed a
 * limited number of times. Data that has arrived is kept for the next run.
 * @throws SourceError if the source can't provide the file. Throws the signal's reason when aborted.
 */
export async function downloadFile(
  file: RemoteFile,
  firstBudget: ReachBudget,
  context: DownloadContext,
  onBytes: OnBytes,
): Promise<void> {
  let budget = firstBudget;
  let hasAnswered = false;
  let fruitless = 0;
  let before = (await readPart(file.partPath, file.url)).receivedBytes;
  for (let retries = 0; ; retries++) {
    try {
      return await downloadOnce(file, budget, context, onBytes, () => {
        hasAnswered = true;
      });
    } catch (error) {
      context.signal.throwIfAborted();
      // A source that never responded is not retried: the next one may work.
      if (!(error instanceof SourceError) || !error.isTransient || !hasAnswered) throw error;
      const { receivedBytes } = await readPart(file.partPath, file.url);
      fruitless = receivedBytes > before ? 1 : fruitless + 1;
      before = receivedBytes;
      if (fruitless > MAX_FRUITLESS_RETRIES || retries >= MAX_RETRIES) throw givenUp(error, retries);
    }
    await delay(context.retryDelayMs(fruitless), undefined, { signal: context.signal }).catch(() =>
      context.signal.throwIfAborted(),
    );
    budget = createReachBudget(context);
  }
}

async function downloadOnce(
  file: RemoteFile,
  budget: ReachBudget,
  context: DownloadContext,
  onBytes: OnBytes,
  onAnswer: () => void,
): Promise<void> {
  const part = await readPart(file.partPath, file.url);
  if (part.receivedBytes > 0 && part.receivedBytes === part.state.totalBytes) return;

  const range = resumeHeaders(part, file.sha256 !== undefined);
  const reply = await request(file.url, range ?? {}, budget, context);
  const { response } = reply;
  const start = range === undefined ? 0 : part.receivedBytes;
  if (start > 0 && (response.status === 416 || (response.status === 206 && !continuesAt(response, start, part)))) {
    // The file has changed since the download began.
    reply.close();
    await removePart(file.partPath);
    return downloadOnce(file, budget, context, onBytes, onAnswer);
  }
  if (response.status !== 200 && !(response.status === 206 && start > 0)) {
    reply.close();
    throw statusFailure(reply, context.policy);
  }
  onAnswer();
  try {
    await saveBody(file, part, response.status === 206 ? start : 0, reply, context, onBytes);
  } finally {
    reply.close();
  }
}

/** Writes an answer's body to the part file from `offset` on, and syncs it when it is complete. */
async function saveBody(
  file: RemoteFile,
  part: Part,
  offset: number,
  reply: Reply,
  context: DownloadContext,
  onBytes: OnBytes,
): Promise<void> {
  const { response, url } = reply;
  const folder = dirname(file.partPath);
  const totalBytes = totalOf(response) ?? file.sizeBytes;
  if (file.sizeBytes !== undefined && totalBytes !== file.sizeBytes) {
    await removePart(file.partPath);
    throw new SourceError(`${url.host} has another file: ${totalBytes} bytes, but ${file.sizeBytes} were expected`);
  }
  if (totalBytes !== undefined) await requireDiskSpace(folder, totalBytes - offset, context.freeBytes);
  const limit = totalBytes ?? offset + (await spareDiskBytes(folder, context.freeBytes));

  const etag = response.headers.get("etag");
  const lastModified = response.headers.get("last-modified");
  await writePartState(file.partPath, {
    urlHash: part.state.urlHash,
    ...(etag !== null && { etag }),
    ...(lastModified !== null && { lastModified }),
    ...(totalBytes !== undefined && { totalBytes }),
  });

  let received = offset;
  const handle = await open(file.partPath, offset > 0 ? "r+" : "w");
  try {
    onBytes(received, totalBytes);
    for await (const piece of readBody(reply, context.stallTimeoutMs, context.signal)) {
      if (received === 0 && !isGgufStart(piece)) {
        await removePart(file.partPath);
        throw notGguf(reply);
      }
      if (received + piece.length > limit) throw await tooLong(file, url, limit, totalBytes);
      await handle.write(piece, 0, piece.length, received);
      received += piece.length;
      onBytes(received, totalBytes);
    }
    if (received < (totalBytes ?? 0)) {
      throw new SourceError(`${url.host} broke off after ${received} of ${totalBytes} bytes`, { isTransient: true });
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function continuesAt(response: Response, start: number, { state }: Part): boolean {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
  const isSameSize = state.totalBytes === undefined || match?.[2] === "*" || Number(match?.[2]) === state.totalBytes;
  return match !== null && Number(match[1]) === start && isSameSize;
}

/** Returns the size of the whole file, if the answer tells it. */
function totalOf(response: Response): number | undefined {
  if (response.status === 206) {
    const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
    return total === undefined ? undefined : Number(total);
  }
  const encoding = response.headers.get("content-encoding") ?? "identity";
  const length = response.headers.get("content-length");
  return encoding !== "identity" || length === null || !/^\d+$/.test(length) ? undefined : Number(length);
}

function isGgufStart(piece: Uint8Array): boolean {
  const length = Math.min(piece.length, MAGIC.length);
  return MAGIC.subarray(0, length).equals(piece.subarray(0, length));
}

function notGguf({ response, url }: Reply): SourceError {
  const type = response.headers.get("content-type")?.split(";")[0] ?? "something";
  return new SourceError(`${url.host} sent ${type}, which is not a GGUF file`, {
    advice: "Check the URL: it must be that of the file itself, not of a page about it.",
  });
}

async function tooLong(
  file: RemoteFile,
  url: URL,
  limit: number,
  totalBytes: number | undefined,
): Promise<SourceError> {
  await removePart(file.partPath);
  return totalBytes === undefined
    ? new SourceError(
        `the disk is full: ${url.host} did not say how large the file is, and there was room for ${limit} bytes`,
      )
    : new SourceError(`${url.host} sent more than the ${totalBytes} bytes that it announced`);
}

function givenUp(last: SourceError, retries: number): SourceError {
  return new SourceError(`${last.message}; given up after ${retries} retries`, {
    advice: "Try again later: the download will resume where it stopped.",
  });
}
