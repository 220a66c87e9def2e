import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";
import { momentOf, RUNNING } from "../batch/begin.ts";
import { GIVEN_UP } from "../batch/end.ts";
import { type Ledger, MAX_UNWRITTEN } from "../batch/ledger.ts";
import { isFault, parseLine } from "../batch/line.ts";
import type { Line } from "../batch/read-lines.ts";
import { unanswered } from "../batch/results.ts";
import type { BatchRecord } from "../store/batches.ts";
import type { FileRecord } from "../store/files.ts";
import type { SharedQueue } from "./batches.ts";
import type { Situation } from "./claims.ts";

export type SharedEndingOptions = {
  readonly record: BatchRecord;
  readonly queue: SharedQueue;
  readonly maxLineBytes: number;
  /** When the files of a batch that ends now expire. */
  readonly filesEndMs: (body: string, nowMs: number) => number;
  /** The time in Unix ms. */
  readonly now: () => number;
  readonly logger: Logger;
};

/** The last steps of a batch that gateways share. */
export type SharedEnding = {
  /** Gives a result to lines that have none. */
  readonly fillUp: (fate: "expired" | "cancelled", lines: AsyncGenerator<Line>, book: Ledger) => Promise<void>;
  /** Returns whether this gateway was the one that ended it. */
  readonly finish: (situation: Situation) => Promise<boolean>;
  /** Ends the batch with what is there, because it can't be run. */
  readonly giveUp: () => Promise<void>;
};

export function createSharedEnding({
  record: { id, endpoint, endsMs, kind, outputFile, errorFile, body },
  queue,
  maxLineBytes,
  filesEndMs,
  now,
  logger,
}: SharedEndingOptions): SharedEnding {
  function filesOf(bytes: Pick<Situation, "outputBytes" | "errorBytes">, atMs: number): readonly FileRecord[] {
    // Its body says nothing of files, and its results are no files of its tenant.
    if (kind === "anthropic") return [];
    const files = [
      { id: outputFile, bytes: bytes.outputBytes, filename: `${id}_output.jsonl` },
      { id: errorFile, bytes: bytes.errorBytes, filename: `${id}_error.jsonl` },
    ];
    const of = { createdMs: atMs, expiresMs: filesEndMs(body, atMs), purpose: "batch_output" };
    return files.filter((file) => file.bytes > 0).map((file) => ({ ...file, ...of }));
  }

  return {
    async fillUp(fate, lines, { writer }) {
      for await (const line of lines) {
        const read = await parseLine(line, endpoint, maxLineBytes);
        writer.add(unanswered({ line: line.line, customId: isFault(read) ? "" : read.customId }, fate));
        if (writer.waiting >= MAX_UNWRITTEN) await writer.settled();
        else if (line.line % 64 === 0) await setImmediate();
      }
      await writer.settled();
    },
    async finish(situation) {
      const { status, counts } = situation;
      const to = status === "cancelling" ? "cancelled" : counts.expired > 0 ? "expired" : "completed";
      const atMs = now();
      const more = JSON.stringify({ finalizing_ms: atMs });
      const change = { to, moment: momentOf(to), atMs, more, files: filesOf(situation, atMs) } as const;
      const isDone = await queue.change(id, RUNNING, change, true);
      if (isDone) logger.info({ batch: id, status: to, ...counts }, "a batch has ended");
      return isDone;
    },
    async giveUp() {
      const row = await queue.find(id);
      if (row === undefined) return;
      const atMs = now();
      const to = row.record.status === "cancelling" ? "cancelled" : atMs >= endsMs ? "expired" : "failed";
      const data = [{ code: "server_error", message: GIVEN_UP, param: null, line: null }];
      const more = JSON.stringify({ errors: { object: "list", data } });
      const change = { to, moment: momentOf(to), atMs, more, files: filesOf(row, atMs) } as const;
      await queue.change(id, RUNNING, change);
      logger.error({ batch: id, status: to }, "a batch that can't be run was given up");
    },
  };
}
