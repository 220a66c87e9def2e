import { setTimeout as delay } from "node:timers/promises";
import { lock } from "proper-lockfile";

export type LockOptions = {
  readonly signal: AbortSignal;
  /** Called once if the lock is taken. */
  readonly onWait: () => void;
  /** The interval for checking whether it is free, in ms. */
  readonly pollMs: number;
};

/** A holder renews its lock every 2.5 s. After it was killed, the lock expires. */
const STALE_MS = 10_000;
const RENEW_MS = 2_500;

/**
 * Runs `task` while holding the lock at `lockPath`, which works between processes and within one. Waits until the lock is free, or its
 * holder has died. The signal of `task` is also aborted if the lock is lost, such as after a long sleep of the machine. Throws the errors of
 * `task`, and the signal's reason when aborted while waiting.
 */
export async function withLock<T>(
  lockPath: string,
  { signal, onWait, pollMs }: LockOptions,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const options = {
    lockfilePath: lockPath,
    // Otherwise a file with the lock's name would have to exist.
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
        // Fails only if the lock was lost; then there is nothing to release.
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
