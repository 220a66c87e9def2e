import type { Clock } from "../../clock.ts";
import type { Sequence } from "./sequence.ts";

/** By their ids. */
type Sequences = ReadonlyMap<number, Sequence>;

/**
 * Which sequences rest: those of class batch, as long as others are there. They keep their slots and what these hold, and go on where they
 * were. A step has no more sequences for them than without them.
 */
export type Rest = {
  /** One has come. */
  readonly note: (sequence: Sequence) => void;
  /** Looks who is there. Called before each step. @param chunkMs how long a chunk of a prompt takes; undefined if that is not known */
  readonly look: (running: Sequences, waiting: Sequences, chunkMs: number | undefined) => void;
  /** Whether this one rests in this step. */
  readonly has: (sequence: Sequence) => boolean;
  /** Those that don't. */
  readonly awake: (running: Iterable<Sequence>) => readonly Sequence[];
  /** How long a native call of batch work may take now. Somebody who comes waits for its end. */
  readonly callMs: () => number;
  /** Whether all of these rest. */
  readonly isAll: (sequences: readonly Sequence[]) => boolean;
  /** Frees its timer. */
  readonly end: () => void;
};

/**
 * For how long batch work rests after the last other sequence has ended: programs often send the next request at once, and would otherwise meet
 * a step of batch work each time.
 */
const LINGER_MS = 250;

/**
 * A call of batch work may take this part of the time since the last other sequence: one that comes then waits the shorter, the sooner it comes.
 * Chunks of prompts, which can't be shortened, wait until they may take as long as they do, but not longer than this.
 */
const CALL_SHARE = 1 / 20;
const MOST_QUIET_MS = 1_000;

/** How long after its arrival batch work rests at most, unless it says otherwise. From then on it has one step in so many. */
const USUAL_REST_MS = 60_000;
const ITS_STEPS = 32;

/** Whether somebody waits for its tokens. */
export function isAwaited({ request }: Sequence): boolean {
  return request.priority !== "batch";
}

export function isAnyAwaited(sequences: Iterable<Sequence>): boolean {
  for (const sequence of sequences) if (isAwaited(sequence)) return true;
  return false;
}

/** Whether a part of its prompt is yet to be evaluated. */
function isPrompt({ slot, prefill }: Sequence): boolean {
  return slot === undefined || slot.tokens.length < prefill.length;
}

/** @param onEnd called when a rest has ended by time */
export function createRest(clock: Clock, onEnd: () => void): Rest {
  const cameMs = new WeakMap<Sequence, number>();
  let isOn = false;
  /** Whether those rest whose prompts are not evaluated. */
  let doPromptsRest = false;
  let isBusy = false;
  let steps = 0;
  /** When the last other sequence was there. */
  let quietSinceMs = Number.NEGATIVE_INFINITY;
  let cancelTimer: (() => void) | undefined;

  function stopTimer(): void {
    cancelTimer?.();
    cancelTimer = undefined;
  }

  function goOnAfter(ms: number): void {
    cancelTimer = clock.after(ms, () => {
      cancelTimer = undefined;
      isOn = false;
      doPromptsRest = false;
      onEnd();
    });
  }

  function hasRested(sequence: Sequence): boolean {
    const sinceMs = cameMs.get(sequence) ?? 0;
    return clock.now() - sinceMs >= (sequence.request.restMs ?? USUAL_REST_MS);
  }

  function has(sequence: Sequence): boolean {
    if (isAwaited(sequence)) return false;
    if (!isOn) return doPromptsRest && isPrompt(sequence) && !hasRested(sequence);
    const isItsTurn = !isBusy || steps % ITS_STEPS === 0;
    return !(hasRested(sequence) && isItsTurn);
  }

  return {
    note(sequence) {
      if (!isAwaited(sequence)) cameMs.set(sequence, clock.now());
    },
    look(running, waiting, chunkMs = 0) {
      const nowMs = clock.now();
      isBusy = isAnyAwaited(running.values());
      if (isBusy) {
        quietSinceMs = nowMs;
        steps += 1;
      } else if (isAnyAwaited(waiting.values())) {
        // It has no slot: batch work must go on so that one becomes free.
        quietSinceMs = Number.NEGATIVE_INFINITY;
      }
      const quietMs = nowMs - quietSinceMs;
      isOn = isBusy || quietMs < LINGER_MS;
      const promptsMs = Math.min(MOST_QUIET_MS, chunkMs / CALL_SHARE);
      doPromptsRest = isOn || quietMs < promptsMs;
      stopTimer();
      if (isBusy || !doPromptsRest || running.size + waiting.size === 0) return;
      goOnAfter((isOn ? LINGER_MS : promptsMs) - quietMs);
    },
    has,
    awake(running) {
      const all = [...running];
      return doPromptsRest ? all.filter((sequence) => !has(sequence)) : all;
    },
    callMs: () => (clock.now() - quietSinceMs) * CALL_SHARE,
    isAll: (sequences) => sequences.every(has),
    end: stopTimer,
  };
}
