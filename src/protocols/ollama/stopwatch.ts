import type { GenerationEvent } from "../../generation/event.ts";

/** How long the parts of an answer took, in nanoseconds. */
export type Durations = {
  /** All of it, waiting included. */
  readonly total_duration: number;
  /** Until the model was ready; 0 where it was. */
  readonly load_duration: number;
  /** From its turn to the first token. */
  readonly prompt_eval_duration: number;
  /** From the first token to the end. */
  readonly eval_duration: number;
};

/** Measures an answer while its events pass by. */
export type Stopwatch = {
  /** The model was not ready, and is now. */
  readonly loaded: () => void;
  /** The request has had its turn: its prompt is evaluated. Where nobody tells, it began when the generation did. */
  readonly admitted: () => void;
  readonly note: (event: GenerationEvent) => void;
  readonly read: () => Durations;
};

/** One that runs. @param clock in ms, never going back */
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
