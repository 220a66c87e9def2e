import type { Logger } from "pino";
import type { WireError } from "../../protocols/errors.ts";
import type { WireResponse } from "../../protocols/responses/response.ts";
import type { Tally } from "../../protocols/tally.ts";
import { describeFailure } from "../errors.ts";
import type { ClientGeneration } from "../generation.ts";
import { startHeartbeat } from "../heartbeat.ts";
import type { EventLog } from "./event-log.ts";
import type { ResponseRun } from "./run.ts";

/** A response that runs without its client. */
type BackgroundRun = {
  /** Its current state. */
  readonly response: () => WireResponse;
  /** Its events so far, if clients may follow it. */
  readonly log: EventLog | undefined;
  /** Ends it at once and stores that. */
  readonly cancel: () => void;
};

/** The background responses that run in this process. */
export type BackgroundRuns = {
  /** Remembers `run` until `ended` resolves to true. False keeps it, because its end isn't stored elsewhere. */
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
  /** The id of the request that created it, for the log. */
  readonly requestId: string;
  readonly run: ResponseRun;
  readonly runs: BackgroundRuns;
  readonly generation: ClientGeneration;
  readonly tally: Tally;
  readonly log: EventLog | undefined;
  readonly logger: Logger;
};

/** Runs a response in the background. Its state is stored, and its events go to the log's followers. */
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

/** Returns whether the response's end was stored; undefined if it was cancelled, which `cancel` reports. */
async function runToItsEnd(work: BackgroundWork): Promise<boolean | undefined> {
  const { run, generation, tally, log } = work;
  const heartbeat = startHeartbeat(undefined);
  // Followers disconnect after a long time without events, like clients of other streams.
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
      tally.note(event);
      tell(log, run.take(event));
    }
    if (generation.isCancelled()) {
      return undefined;
    }
    tell(log, run.close(tally.cost()));
    return true;
  } catch (error) {
    return generation.isCancelled() ? undefined : fail(work, error);
  } finally {
    heartbeat.stop();
    log?.end();
  }
}

/** Nobody waits for the answer, so a failure that can't be stored is only logged. */
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
