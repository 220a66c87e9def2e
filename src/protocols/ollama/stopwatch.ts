import type { GenerationEvent } from "../../generation/event.ts";

/** The durations of an answer's phases, in nanoseconds. */
export type Durations = {
  /** The whole request, including the wait in the queue. */
  readonly total_duration: number;
  /** Until the model was loaded; 0 if it was loaded before. */
  readonly load_duration: number;
  /** From admission to the first token. */
  readonly prompt_eval_duration: number;
  /** From the first token to the end. */
  readonly eval_duration: number;
};

/** Measures an answer from its events. */
export type Stopwatch = {
  /** Call when a model that was not loaded is ready. */
  readonly loaded: () => void;
  /** Call when the request is admitted. If never called, the start of the generation counts. */
  readonly admitted: () => void;
  readonly note: (event: GenerationEvent) => void;
  readonly read: () => Durations;
};

/** Starts a stopwatch. @param clock a monotonic clock in ms */
export function createStopwatch(clock: () => number = () => performance.now()): Stopwatch {
  const beganMs = clock();
  let loadMs = 0;
  let startedMs: number | undefined;
  let firstMs: number | undefined;

  return {
    loaded() {
      loadMs = clock() - beganMs;
    },
    admitted() {
      startedMs ??= clock();
    },
    note({ type }) {
      if (type === "started") startedMs ??= clock();
      else if (type !== "usage" && type !== "prompt") firstMs ??= clock();
    },
    read() {
      const nowMs = clock();
      const evaluatedMs = firstMs ?? nowMs;
      return {
        total_duration: toNanoseconds(nowMs - beganMs),
        load_duration: toNanoseconds(loadMs),
        prompt_eval_duration: toNanoseconds(evaluatedMs - (startedMs ?? evaluatedMs)),
        eval_duration: toNanoseconds(nowMs - evaluatedMs),
      };
    },
  };
}

function toNanoseconds(ms: number): number {
  return Math.round(ms * 1e6);
}
