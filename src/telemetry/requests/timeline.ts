import type { RequestRecord } from "./record.ts";
import type { RequestSpan } from "./wire.ts";

/** A part of a request's life. Times are in ms since it began. */
export type Span = {
  readonly type: RequestSpan["type"];
  readonly startMs: number;
  readonly endMs: number;
  /** Of the request's choices, if it is of one of them. */
  readonly choice?: number;
};

/** From this time on a part is told of. */
const LEAST_MS = 1;

/** The parts of a request's life, in order. */
export function timelineOf(record: RequestRecord): readonly Span[] {
  const { startedMs } = record;
  const spans = [...waitOf(record), ...asideOf(record), ...workOf(record), ...sendingOf(record)];
  return spans
    .map(({ startMs, endMs, ...span }) => ({
      ...span,
      startMs: Math.max(0, startMs - startedMs),
      endMs: endMs - startedMs,
    }))
    .filter(({ startMs, endMs }) => endMs - startMs >= LEAST_MS);
}

function waitOf({ wait, loadMs }: RequestRecord): readonly Span[] {
  if (wait === undefined) return [];
  const startMs = wait.untilMs - wait.ms;
  const loadedMs = Math.min(wait.untilMs, startMs + loadMs);
  return [
    { type: "load", startMs, endMs: loadedMs },
    { type: "queue", startMs: loadedMs, endMs: wait.untilMs },
  ];
}

/** A stage tells of the last time that a request ran: before, it was set aside. The first milliseconds are the way to the engine. */
const LEAST_ASIDE_MS = 100;

/** For how long a request was set aside or ran before that. */
export function asideMs({ stages, wait, restartMs }: RequestRecord): number {
  if (wait === undefined || stages.length !== 1) return 0;
  const [stage] = stages;
  if (stage === undefined) return 0;
  const { endMs, waitingMs, prefillMs, decodeMs } = stage;
  const elsewhereMs = endMs - wait.untilMs - waitingMs - prefillMs - decodeMs - restartMs;
  return elsewhereMs < LEAST_ASIDE_MS ? 0 : elsewhereMs;
}

function asideOf(record: RequestRecord): readonly Span[] {
  const ms = asideMs(record);
  const fromMs = record.wait?.untilMs;
  return ms === 0 || fromMs === undefined ? [] : [{ type: "aside", startMs: fromMs, endMs: fromMs + ms }];
}

/** A choice is decoded until its end, and its prompt is evaluated before that. */
function workOf({ stages, isReplay, startedMs, wait, tries, firstMs, endMs, steps }: RequestRecord): readonly Span[] {
  if (stages.length > 0) {
    return stages.flatMap(({ choice, endMs: until, prefillMs, decodeMs }): readonly Span[] => {
      const decodeFromMs = until - decodeMs;
      return [
        { type: "prefill", startMs: decodeFromMs - prefillMs, endMs: decodeFromMs, choice },
        { type: "decode", startMs: decodeFromMs, endMs: until, choice },
      ];
    });
  }
  if (isReplay || firstMs === undefined || steps === undefined) return [];
  const answer: Span = { type: "answer", startMs: firstMs, endMs: endMs ?? startedMs + lastOf(steps) };
  const askedMs = Math.max(startedMs, wait?.untilMs ?? 0, tries.at(-1)?.fromMs ?? 0);
  return [{ type: "first_token", startMs: askedMs, endMs: firstMs }, answer];
}

function lastOf({ at }: { readonly at: readonly number[] }): number {
  return (at.at(-1) ?? 0) / 10;
}

function sendingOf({ answer, endMs, stages }: RequestRecord): readonly Span[] {
  if (answer === undefined || endMs === undefined) return [];
  const writtenMs = stages.length === 0 ? endMs : Math.max(...stages.map((stage) => stage.endMs));
  return [{ type: "send", startMs: writtenMs, endMs: answer.sentMs }];
}

/** The time from a request's arrival to its end, or to now while it runs. */
export function durationOf({ answer, endMs, startedMs }: RequestRecord, nowMs: number): number {
  return answer?.durationMs ?? (endMs ?? nowMs) - startedMs;
}
