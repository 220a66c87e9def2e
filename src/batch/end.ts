import type { FileHandle } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";
import type { BatchQueue, BatchRecord } from "../store/batches.ts";
import type { FileRecord } from "../store/files.ts";
import { momentOf, RUNNING } from "./begin.ts";
import { type Ledger, MAX_UNWRITTEN, type OutputFile } from "./ledger.ts";
import { isFault, parseLine } from "./line.ts";
import { newProgress, type Progress, readProgress } from "./progress.ts";
import { readLines } from "./read-lines.ts";
import type { End } from "./requests.ts";
import { unanswered } from "./results.ts";
import { skipDone } from "./skip-done.ts";

export const GIVEN_UP = "The server failed again and again while it worked on this batch; its log says more.";

export type EndingOptions = {
  readonly record: BatchRecord;
  readonly queue: BatchQueue;
  /** The path of a file, by its id. */
  readonly prepare: (id: string) => Promise<string>;
  readonly removeFile: (id: string) => Promise<void>;
  /** Opens a file to be written. */
  readonly openOutput: (path: string) => Promise<OutputFile>;
  /** When the files of a batch that ends now expire. */
  readonly filesEndMs: (body: string, nowMs: number) => number;
  readonly maxLineBytes: number;
  /** The time in Unix ms. */
  readonly now: () => number;
  readonly logger: Logger;
};

/** A batch's last steps: what is left of its lines is written, and its files are given to its tenant. */
export type Ending = {
  /** Gives a result to each line that has none. */
  readonly fillUp: (given: {
    readonly input: FileHandle;
    readonly book: Ledger;
    readonly ends: Map<number, number>;
    readonly fate: "expired" | "cancelled";
  }) => Promise<void>;
  readonly finish: (end: Exclude<End, "stopped" | "refused" | "full">, book: Ledger) => Promise<void>;
  /** Ends the batch with what is recorded, because it can't be run. */
  readonly giveUp: () => Promise<void>;
};

export function createEnding(options: EndingOptions): Ending {
  const { record, queue, prepare, removeFile, openOutput, filesEndMs, maxLineBytes, now, logger } = options;
  const { id, endpoint } = record;

  const fillUp: Ending["fillUp"] = async ({ input, book, ends, fate }) => {
    const { next, beyond } = book.progress;
    for await (const line of skipDone(readLines(input, next, maxLineBytes), new Set(beyond), ends)) {
      const read = await parseLine(line, endpoint, maxLineBytes);
      book.writer.add(unanswered({ line: line.line, customId: isFault(read) ? "" : read.customId }, fate));
      if (book.writer.waiting >= MAX_UNWRITTEN) await book.writer.settled();
      else if (line.line % 64 === 0) await setImmediate();
    }
    await book.writer.settled();
  };

  /** The files that are its tenant's when it has ended. */
  function filesOf(progress: Progress, atMs: number): FileRecord[] {
    const files: FileRecord[] = [];
    for (const [fileId, bytes, name] of [
      [record.outputFile, progress.outputBytes, "output"],
      [record.errorFile, progress.errorBytes, "error"],
    ] as const) {
      if (bytes === 0 || record.kind === "anthropic") continue;
      const filename = `${id}_${name}.jsonl`;
      files.push({
        id: fileId,
        createdMs: atMs,
        expiresMs: filesEndMs(record.body, atMs),
        bytes,
        filename,
        purpose: "batch_output",
      });
    }
    return files;
  }

  async function giveUp(): Promise<void> {
    const status = queue.statusOf(id);
    const atMs = now();
    const to = status === "cancelling" ? "cancelled" : atMs >= record.endsMs ? "expired" : "failed";
    const data = [{ code: "server_error", message: GIVEN_UP, param: null, line: null }];
    const more = JSON.stringify({ errors: { object: "list", data } });
    const progress = recordedOf() ?? newProgress(0);
    await cutOff(progress).catch((error: unknown) => logger.error({ batch: id, err: error }, "results are left uncut"));
    const files = filesOf(progress, atMs);
    queue.change(id, RUNNING, { to, moment: momentOf(to), atMs, more, files });
    logger.error({ batch: id, status: to }, "a batch that can't be run was given up");
    await removeUnused(progress);
  }

  /** Removes what was written and not recorded. */
  async function cutOff({ outputBytes, errorBytes }: Progress): Promise<void> {
    for (const [fileId, bytes] of [
      [record.outputFile, outputBytes],
      [record.errorFile, errorBytes],
    ] as const) {
      if (bytes === 0) continue;
      const file = await openOutput(await prepare(fileId));
      await file.truncate(bytes).finally(() => file.close());
    }
  }

  async function removeUnused({ outputBytes, errorBytes }: Progress): Promise<void> {
    if (outputBytes === 0) await removeFile(record.outputFile);
    if (errorBytes === 0) await removeFile(record.errorFile);
    // Nobody else knows of this file.
    if (record.kind === "anthropic") await removeFile(record.inputFile);
  }

  async function finish(end: Exclude<End, "stopped" | "refused" | "full">, { progress }: Ledger): Promise<void> {
    const more = JSON.stringify({ finalizing_ms: now() });
    const atMs = now();
    const files = filesOf(progress, atMs);
    queue.change(id, RUNNING, { to: end, moment: momentOf(end), atMs, more, files });
    await removeUnused(progress);
    logger.info({ batch: id, status: end, ...progress.counts }, "a batch has ended");
  }

  /** How far the batch is, as far as that can be read. */
  function recordedOf(): Progress | undefined {
    try {
      return readProgress(queue.get(id)?.progress ?? "");
    } catch {
      return undefined;
    }
  }

  return { fillUp, finish, giveUp };
}
