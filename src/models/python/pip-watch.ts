import { SourceError } from "../errors.ts";

/** Python itself may start slowly; the index is not to blame for that. */
const MAX_START_MS = 30_000;
const START_GRACE_MS = 3_000;

/** The state of a running pip. */
export type Sight = {
  /** In ms, on the clock of `startedAt`. */
  readonly at: number;
  /** The size of the growing file. */
  readonly bytes: number;
  /** Whether pip has written anything. */
  readonly isAwake: boolean;
  /** Whether the index has answered. */
  readonly isReached: boolean;
};

/**
 * Returns a function that checks a running pip, and returns the error to stop it with. The index must answer within `reachTimeoutMs` of the
 * start, or, if Python starts slowly, within three seconds of pip's first output.
 */
export function createWatch(limits: {
  readonly startedAt: number;
  readonly reachTimeoutMs: number;
  readonly stallTimeoutMs: number;
}): (sight: Sight) => SourceError | undefined {
  const { startedAt, reachTimeoutMs, stallTimeoutMs } = limits;
  let awakeAt: number | undefined;
  let bytesBefore = 0;
  let changedAt = startedAt;
  return ({ at, bytes, isAwake, isReached }) => {
    if (isAwake) awakeAt ??= at;
    if (bytes !== bytesBefore) changedAt = at;
    bytesBefore = bytes;
    if (!isReached) {
      const deadline =
        awakeAt === undefined
          ? startedAt + MAX_START_MS
          : Math.max(startedAt + reachTimeoutMs, awakeAt + Math.min(START_GRACE_MS, reachTimeoutMs));
      changedAt = at;
      if (at < deadline) return undefined;
      return new SourceError(
        awakeAt === undefined
          ? `pip did not start within ${MAX_START_MS / 1000} s`
          : `the package index could not be reached: no answer within ${reachTimeoutMs / 1000} s`,
        { advice: "Check the network, or name a package index that can be reached in PIP_INDEX_URL." },
      );
    }
    if (at - changedAt < stallTimeoutMs) return undefined;
    return new SourceError(`pip received nothing for ${stallTimeoutMs / 1000} s`, { isTransient: true });
  };
}
