import type { Logger } from "pino";
import type { WireError } from "../../protocols/errors.ts";
import type { WireResponse } from "../../protocols/responses/response.ts";
import { describeFailure } from "../errors.ts";
import type { ClientGeneration } from "../generation.ts";
import { startHeartbeat } from "../heartbeat.ts";
import type { EventLog } from "./event-log.ts";
import type { ResponseRun } from "./run.ts";

/** A response that runs without its client. */
type BackgroundRun = {
  /** As it is now. */
  readonly response: () => WireResponse;
  /** What happened to it so far, where it may be followed. */
  readonly log: EventLog | undefined;
  /** Ends it at once and writes that down. */
  readonly cancel: () => void;
};

/** The background responses that run in this process. */
export type BackgroundRuns = {
  /** Remembers `run` until `ended` resolves to true; false keeps it, because nobody else could tell what became of it. */
  readonly add: (id: string, run: BackgroundRun, ended: Promise<boolean>) => void;
  readonly get: (id: string) => BackgroundRun | undefined;
  /** Resolves when all have ended. */
  readonly settled: () => Promise<void>;
};

export function createBackgroundRuns(): BackgroundRuns {
  const runs = new Map<string, BackgroundRun>();
  const pending = new Set<Promise<void>>();
  return {
    add(id, run, ended) {
      runs.set(id, run);
      const removed = ended.then((isKept) => {
        pending.delete(removed);
        if (isKept) {
          runs.delete(id);
        }
      });
      pending.add(removed);
    },
    get: (id) => runs.get(id),
    async settled() {
      await Promise.all(pending);
    },
  };
}

export type BackgroundWork = {
  readonly id: string;
  /** The id of the request that began it, for the log. */
  readonly requestId: string;
  readonly run: ResponseRun;
  readonly runs: BackgroundRuns;
  readonly generation: ClientGeneration;
  readonly log: EventLog | undefined;
  readonly logger: Logger;
};

/** Lets a response run on by itself. What becomes of it is written down, and told to whoever follows its log. */
export function runInBackground(work: BackgroundWork): void {
  const { id, run, runs, generation, log } = work;
  let cancellationIsKept = false;
  tell(log, run.open());
  runs.add(
    id,
    {
      response: run.response,
      log,
      cancel() {
        generation.cancel();
        try {
          tell(log, run.cancel());
          cancellationIsKept = true;
        } finally {
          log?.end();
        }
      },
    },
    runToItsEnd(work).then((isKept) => isKept ?? cancellationIsKept),
  );
}

/** Returns whether what became of the response was written down, and undefined where it was cancelled, which is told elsewhere. */
async function runToItsEnd(work: BackgroundWork): Promise<boolean | undefined> {
  const { run, generation, log } = work;
  const heartbeat = startHeartbeat(undefined);
  // Followers hang up when they see no event for long, as clients of other streams do.
  heartbeat.sendBy(({ withEvent }) => {
    if (withEvent && log !== undefined) tell(log, run.beat());
    return true;
  });
  try {
    for await (const event of { [Symbol.asyncIterator]: () => generation.events }) {
      if (generation.isCancelled()) {
        return undefined;
      }
      heartbeat.touch();
      tell(log, run.take(event));
    }
    if (generation.isCancelled()) {
      return undefined;
    }
    tell(log, run.close());
    return true;
  } catch (error) {
    return generation.isCancelled() ? undefined : fail(work, error);
  } finally {
    heartbeat.stop();
    log?.end();
  }
}

/** Nobody waits for the answer, so a failure that can't even be written down is only logged. */
function fail(work: BackgroundWork, error: unknown): boolean {
  try {
    tell(work.log, work.run.fail(describe(work, error)));
    return true;
  } catch (second) {
    describe(work, second);
    return false;
  }
}

function describe({ id, requestId, logger }: BackgroundWork, error: unknown): WireError {
  const failure = describeFailure(error, requestId);
  if (failure.unexpected) {
    logger.error({ requestId, err: error }, "internal error in the background");
  } else {
    logger.warn({ requestId, responseId: id, error: failure.error.code }, "a background response failed");
  }
  return failure.error;
}

function tell(log: EventLog | undefined, frames: readonly string[]): void {
  log?.append(frames);
}
