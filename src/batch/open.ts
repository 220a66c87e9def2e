import { join } from "node:path";
import type { Logger } from "pino";
import { type Clock, systemClock } from "../clock.ts";
import type { FolderFiles } from "../files/files.ts";
import type { BatchRecord, LiveBatch } from "../store/batches.ts";
import type { State } from "../store/state.ts";
import type { Door } from "./attempt.ts";
import type { Elsewhere } from "./elsewhere/remote.ts";
import type { Runner } from "./runner.ts";

export type OpenBatchesOptions = {
  readonly state: Pick<State, "batchQueue" | "segments" | "exists">;
  /** The state file's path, or `:memory:`. */
  readonly stateFile: string;
  readonly files: () => Promise<FolderFiles>;
  /** A door for the requests of a key. They rest while others are there, until that time in Unix ms. */
  readonly doorFor: (keyId: string | undefined, restUntilMs: number) => Door;
  /** What other servers may do of a batch, in batches of their own; undefined if none may do anything. */
  readonly elsewhereFor?: (batch: BatchRecord) => Elsewhere | undefined;
  /** How many requests a model runs at once; undefined if unknown. */
  readonly slotsOf: (model: string | undefined) => number | undefined;
  /** How long the files of a batch are kept after its end, in ms. */
  readonly lifeMs: (body: string) => number;
  readonly maxLineBytes: number;
  /** How large the files of a key may be together, with the results of its batches. */
  readonly maxTenantBytes: () => number;
  readonly clock?: Clock;
  /** The time in Unix ms. */
  readonly now: () => number;
  readonly logger: Logger;
};

/** The batches of a gateway. What runs them is loaded when there is one. */
export type Batches = {
  /** There may be a new one, or one from before this process. */
  readonly wake: () => void;
  /** One was changed. */
  readonly look: (id: string) => void;
  /** What is known of one that runs in this process. */
  readonly live: (id: string) => LiveBatch | undefined;
  readonly stop: () => Promise<void>;
};

export const MAX_LINES = 1_000_000;

/** For models that don't say how many requests they run at once, such as those of other servers. */
export const USUAL_SLOTS = 8;

export function openBatches(options: OpenBatchesOptions): Batches {
  const { state, stateFile, files, slotsOf, lifeMs, clock = systemClock, logger } = options;
  let loading: Promise<Runner> | undefined;
  let runner: Runner | undefined;
  let isStopped = false;

  /** So that a gateway without batches loads none of this, and a state that can't be used doesn't keep it from starting. */
  function hasWork(): boolean {
    try {
      return state.exists() && state.batchQueue.unfinished().length > 0;
    } catch (error) {
      logger.error({ err: error }, "batches can't be run now");
      return false;
    }
  }

  async function load(): Promise<Runner> {
    const [{ createRunner }, { createJob }, { createStage }, { tryLock }, { folder }] = await Promise.all([
      import("./runner.ts"),
      import("./job.ts"),
      import("./elsewhere/stage.ts"),
      import("../store/lock.ts"),
      files(),
    ]);
    const forJobs = {
      ...options,
      ...{ queue: state.batchQueue, clock, maxLines: MAX_LINES },
      prepare: folder.prepare,
      removeFile: folder.remove,
      parallel: (model: string | undefined) => slotsOf(model) ?? USUAL_SLOTS,
      filesEndMs: (body: string, atMs: number) => atMs + lifeMs(body),
    };
    const elsewhereOf = (record: BatchRecord) => {
      const of = options.elsewhereFor?.(record);
      return of && { of, createStage, segments: state.segments };
    };
    runner = createRunner({
      ...forJobs,
      createJob: (record, door) => createJob({ ...forJobs, record, door, elsewhere: elsewhereOf(record) }),
      async tryLock() {
        // Nobody else can open a state in memory.
        if (stateFile === ":memory:") return { release() {} };
        return tryLock(join(await folder.place(), "batches.lock"));
      },
    });
    return runner;
  }

  return {
    wake() {
      if (isStopped || (loading === undefined && !hasWork())) return;
      loading ??= load();
      loading.then(
        (loaded) => loaded.wake(),
        (error: unknown) => {
          loading = undefined;
          logger.error({ err: error }, "batches can't be run now");
        },
      );
    },
    look: (id) => runner?.look(id),
    live: (id) => runner?.live(id),
    async stop() {
      isStopped = true;
      await loading?.catch(() => {});
      await runner?.stop();
    },
  };
}
