import type { RepeatedRequest } from "../../generation/watch.ts";
import { type AnswerFacts, RequestRecord } from "./record.ts";

/**
 * A request whose answer was repeated, as it is kept: these come by the thousands a second, and only those that somebody looks at are worth a
 * record. Times are by a monotonic clock in ms.
 */
export type RepeatNote = {
  readonly request: RepeatedRequest;
  readonly startedMs: number;
  readonly endMs: number;
  answer: (() => AnswerFacts) | undefined;
};

/** The record of such a request. */
export function recordOf({ request, startedMs, endMs, answer }: RepeatNote): RequestRecord {
  const record = new RequestRecord(request.id, startedMs, request, undefined);
  return Object.assign(record, {
    ...({ state: "done", cache: "hit", isReplay: true, endMs, answer: answer?.() } as const),
  });
}
