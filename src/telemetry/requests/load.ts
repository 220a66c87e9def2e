import type { BackendState } from "../../generation/backend.ts";
import type { Evaluation } from "../../generation/news.ts";
import type { Priority } from "../../generation/terms.ts";

/** Who waited and ran when a request came to wait. */
export type Arrival = {
  /** Requests that waited for the same model. */
  readonly waiting: number;
  /** Those of them that are of its class. */
  readonly sameClass: number;
  readonly running: number;
};

/** A time in which a model couldn't answer: it was not in memory, or its process was started again. */
type Absence = { readonly fromMs: number; untilMs: number | undefined; readonly type: "load" | "restart" };

/** What goes on at one model, as far as its requests tell. Times are by a monotonic clock in ms. */
export type ModelLoad = {
  readonly waiting: Map<Priority | undefined, number>;
  running: number;
  /** The sum of `running` over time, up to `sinceMs`. */
  area: number;
  sinceMs: number;
  /** Requests that have had their turn. */
  turns: number;
  /** The usual time to evaluate a token of a prompt. */
  prefillMsPerToken: number | undefined;
  /** The usual time of a token while nothing else runs. */
  aloneMsPerToken: number | undefined;
  readonly absences: Absence[];
};

const MAX_ABSENCES = 16;
/** Fewer tokens than this cost about as much as none, so that their time is no pace. */
const FEW_TOKENS = 16;
const WEIGHT = 0.2;

export function createModelLoad(): ModelLoad {
  return {
    ...{ waiting: new Map(), running: 0, area: 0, sinceMs: 0, turns: 0, absences: [] },
    ...{ prefillMsPerToken: undefined, aloneMsPerToken: undefined },
  };
}

/** Notes that a request waits, and returns who is before it or runs. */
export function noteWaiting({ waiting, running }: ModelLoad, priority: Priority | undefined): Arrival {
  const sameClass = waiting.get(priority) ?? 0;
  const all = [...waiting.values()].reduce((sum, count) => sum + count, 0);
  waiting.set(priority, sameClass + 1);
  return { waiting: all, sameClass, running };
}

export function noteWaited({ waiting }: ModelLoad, priority: Priority | undefined): void {
  waiting.set(priority, Math.max(0, (waiting.get(priority) ?? 0) - 1));
}

/** Notes that one more request runs, or one less. */
export function noteRunning(load: ModelLoad, change: 1 | -1, nowMs: number): void {
  load.area = areaAt(load, nowMs);
  load.sinceMs = nowMs;
  load.running = Math.max(0, load.running + change);
  if (change === 1) load.turns += 1;
}

/** The sum of running requests over time, to tell the mean between two times. */
export function areaAt({ area, running, sinceMs }: ModelLoad, nowMs: number): number {
  return area + running * (nowMs - sinceMs);
}

/** Learns a model's paces. @param others the mean number of other requests while it was decoded */
export function notePace(load: ModelLoad, evaluation: Evaluation, others: number): void {
  const { prefillMs, prefillTokens, decodeMs, decodeTokens } = evaluation;
  if (prefillTokens >= FEW_TOKENS) {
    load.prefillMsPerToken = near(load.prefillMsPerToken, prefillMs / prefillTokens);
  }
  if (others < 0.5 && decodeTokens >= FEW_TOKENS) {
    load.aloneMsPerToken = near(load.aloneMsPerToken, decodeMs / decodeTokens);
  }
}

function near(before: number | undefined, now: number): number {
  return before === undefined ? now : before + WEIGHT * (now - before);
}

/** Notes a model's state. */
export function noteState({ absences }: ModelLoad, state: BackendState, nowMs: number): void {
  const last = absences.at(-1);
  const open = last?.untilMs === undefined ? last : undefined;
  if (state === "ready") {
    if (open !== undefined) open.untilMs = nowMs;
    return;
  }
  const type = state === "restarting" ? "restart" : "load";
  if (open?.type === type) return;
  if (open !== undefined) open.untilMs = nowMs;
  absences.push({ fromMs: nowMs, untilMs: undefined, type });
  if (absences.length > MAX_ABSENCES) absences.shift();
}

/** How long a model was away between two times. */
export function awayMs({ absences }: ModelLoad, type: Absence["type"], fromMs: number, untilMs: number): number {
  return absences.reduce((sum, absence) => {
    if (absence.type !== type) return sum;
    const [from, until] = [Math.max(fromMs, absence.fromMs), Math.min(untilMs, absence.untilMs ?? untilMs)];
    return sum + Math.max(0, until - from);
  }, 0);
}
