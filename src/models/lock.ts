import { setTimeout as delay } from "node:timers/promises";
import { lock } from "proper-lockfile";

export type LockOptions = {
  readonly signal: AbortSignal;
  /** Called once when another holds the lock. */
  readonly onWait: () => void;
  /** How often to look whether it is free, in ms. */
  readonly pollMs: number;
};

/** A holder renews its lock every 2.5 s; one that was killed loses it after ten. */
const STALE_MS = 10_000;
const RENEW_MS = 2_500;

/**
 * Runs `task` while holding the lock at `lockPath`, which holds between processes and within one. Waits as long as another holds it;
 * the lock of a process that died is taken over. `task` gets a signal that also ends it when the lock is lost, as after a long sleep
 * of the machine. Throws what `task` throws, and the signal's reason when it is aborted while waiting.
 */
export async function withLock<T>(
  lockPath: string,
  { signal, onWait, pollMs }: LockOptions,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const options = {
    lockfilePath: lockPath,
    // Without this the lock's own name would have to exist as a file.
    realpath: false,
    stale: STALE_MS,
    update: RENEW_MS,
    onCompromised: (error: Error) => lost.abort(new Error(`lost the lock ${lockPath}: ${error.message}. Try again.`)),
  };
  let isWaiting = false;
  for (;;) {
    signal.throwIfAborted();
    try {
      const release = await lock(lockPath, options);
      try {
        return await task(AbortSignal.any([signal, lost.signal]));
      } finally {
        // Fails only when the lock was lost, and then there is nothing to give back.
        await release().catch(() => {});
      }
    } catch (error) {
      if (!isHeldByAnother(error)) throw error;
    }
    if (!isWaiting) onWait();
    isWaiting = true;
    await delay(pollMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

function isHeldByAnother(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ELOCKED";
}
