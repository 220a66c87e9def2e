import type { Logger } from "pino";
import { type Batches, MAX_LINES, type OpenBatchesOptions, USUAL_SLOTS } from "../batch/open.ts";
import { createRunner } from "../batch/runner.ts";
import { systemClock } from "../clock.ts";
import type { OpenFiles } from "../files/open.ts";
import type { Link } from "../redis/link.ts";
import type { BatchRecord } from "../store/batches.ts";
import type { Shelf } from "../store/shelf.ts";
import { createSharedBatches, createSharedQueue } from "./batches.ts";
import { createSharedBytes } from "./file-bytes.ts";
import { createFileRows } from "./file-rows.ts";
import { openSharedFiles } from "./files.ts";
import { createSharedJob } from "./job.ts";
import { createSharedStore } from "./store.ts";
import { createSharedUploads } from "./uploads.ts";

export type SharedJobsOptions = {
  readonly redis: Link;
  /** This gateway's id. */
  readonly gateway: string;
  /** Whether a key is known here. */
  readonly knowsKey: (keyId: string) => boolean;
  readonly maxFileBytes: number;
  readonly maxTenantBytes: number;
  readonly maxAllBytes: number;
  /** How long batches that have ended are kept. */
  readonly maxAgeMs: number;
  /** The time in Unix ms. */
  readonly now: () => number;
  readonly logger: Logger;
};

/** The files and batches that several gateways share. */
export type SharedJobs = {
  readonly files: OpenFiles;
  readonly shelf: (tenant: string) => Shelf;
  /** The batches that had not ended when it was last looked, which is done again if that is long ago. */
  readonly unfinished: () => readonly BatchRecord[];
  readonly openBatches: (options: Omit<OpenBatchesOptions, "state" | "stateFile" | "files">) => Batches;
  /** Closes the files, and the connection. */
  readonly close: () => Promise<void>;
};

/** More are not shown. */
const MAX_KNOWN = 64;
const LOOK_EVERY_MS = 2_000;

export function openSharedJobs(options: SharedJobsOptions): SharedJobs {
  const { redis, gateway, knowsKey, maxAllBytes, maxAgeMs, now } = options;
  const store = createSharedStore(redis, options.logger);
  const bytes = createSharedBytes({ ...options, store });
  const queue = createSharedQueue({ store, knowsKey, now });
  const files = openSharedFiles({ ...options, bytes, tidyMore: () => queue.prune(now() - maxAgeMs) });

  let known: readonly BatchRecord[] = [];
  let lookedMs = Number.NEGATIVE_INFINITY;

  async function look(): Promise<void> {
    const ids = (await queue.unfinished()).slice(0, MAX_KNOWN).map(({ id }) => id);
    const records = await Promise.all(ids.map((id) => queue.get(id)));
    known = records.filter((record) => record !== undefined);
  }

  return {
    files,
    async close() {
      redis.close();
      await files.close();
    },
    unfinished() {
      if (performance.now() - lookedMs > LOOK_EVERY_MS) {
        lookedMs = performance.now();
        // While Redis is down, what was known is shown.
        look().catch(() => {});
      }
      return known;
    },
    shelf: (tenant) => ({
      files: createFileRows({ store, tenant, now }),
      batches: createSharedBatches(store, tenant),
      uploads: createSharedUploads({ store, tenant, now }),
      reads: queue.reads,
    }),
    openBatches({ slotsOf, lifeMs, doorFor, clock = systemClock, ...given }) {
      const forJobs = {
        ...given,
        ...{ store, queue, gateway, clock, maxAllBytes, inputOf: bytes.inputOf, maxLines: MAX_LINES },
        parallel: (model: string | undefined) => slotsOf(model) ?? USUAL_SLOTS,
        filesEndMs: (body: string, atMs: number) => atMs + lifeMs(body),
      };
      const runner = createRunner({
        ...{ queue, doorFor, clock, isShared: true, now: given.now, logger: given.logger },
        createJob: (record, door) => createSharedJob({ ...forJobs, record, door }),
        // Each takes what nobody has.
        tryLock: async () => ({ release() {} }),
      });
      return {
        wake() {
          void files.open();
          runner.wake();
        },
        look: runner.look,
        live: runner.live,
        stop: runner.stop,
      };
    },
  };
}
