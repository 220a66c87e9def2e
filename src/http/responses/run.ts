import type { Cost } from "../../generation/cost.ts";
import type { GenerationEvent } from "../../generation/event.ts";
import type { WireError } from "../../protocols/errors.ts";
import type { ResponsesRequest } from "../../protocols/responses/decode.ts";
import { createFrameWriter, type ResponseEvent } from "../../protocols/responses/events.ts";
import type { ResponseHead, WireResponse } from "../../protocols/responses/response.ts";
import { createResponseWriter } from "../../protocols/responses/writer.ts";
import type { Outcome, ResponseRecord } from "../../store/responses.ts";
import type { TenantState } from "../../store/state.ts";
import type { EventLog } from "./event-log.ts";
import type { Turn } from "./turn.ts";

/** A running response: makes the frames of its stream, and stores it at its end. */
export type ResponseRun = {
  readonly open: () => string[];
  readonly take: (event: GenerationEvent) => string[];
  /** Returns a heartbeat's frames. */
  readonly beat: () => string[];
  /** Stores the response, then returns its last frames. No client gets them for a response that could not be stored. */
  readonly close: (cost?: Cost) => string[];
  /** Stores a background response as failed, if possible. */
  readonly fail: (error: WireError) => string[];
  readonly cancel: () => string[];
  readonly response: () => WireResponse;
};

export type RunOptions = {
  readonly request: ResponsesRequest;
  readonly head: ResponseHead;
  readonly turn: Turn;
  readonly state: TenantState;
  readonly now: () => number;
  /** Called with the outcome of a foreground response. */
  readonly remember?: (outcome: Outcome) => void;
  /** The log of its frames, if they are kept. */
  readonly log: EventLog | undefined;
};

export function createRun({ request, head, turn, state, now, remember, log }: RunOptions): ResponseRun {
  const writer = createResponseWriter(head, now, request.generate);
  const toFrame = createFrameWriter();
  const { context, input } = turn;

  function record(last: readonly string[]): ResponseRecord {
    const response = writer.response();
    return {
      id: head.id,
      createdMs: head.createdMs,
      status: response.status,
      body: JSON.stringify(response),
      events: log === undefined ? null : JSON.stringify([...log.frames, ...last]),
    };
  }

  /** Whether an earlier process has stored it. */
  function isThere(): boolean {
    const [first] = writer.response().output;
    return head.digits !== undefined && first !== undefined && state.responses.findItem(first.id) !== undefined;
  }

  function keep(last: readonly string[], isGood: boolean): void {
    const outcome: Outcome = {
      record: record(last),
      context,
      input,
      output: writer.response().output.map((item) => ({ seq: undefined, id: item.id, body: JSON.stringify(item) })),
      keep: request.store,
      conversation: isGood ? request.conversationId : undefined,
    };
    if (request.background) {
      state.responses.finish(outcome);
    } else {
      if (!isThere() && (outcome.keep || outcome.conversation !== undefined)) state.responses.save(outcome);
      remember?.(outcome);
    }
  }

  function keepAndFrame(events: readonly ResponseEvent[], isGood: boolean): string[] {
    if (log !== undefined) {
      const last = events.map(toFrame);
      keep(last, isGood);
      return last;
    }
    // If storing fails, other events get these numbers.
    keep([], isGood);
    return events.map(toFrame);
  }

  if (request.background) {
    state.responses.begin(record([]), { context, input });
  }

  return {
    open: () => writer.open().map(toFrame),
    beat: () => writer.beat().map(toFrame),
    take: (event) => writer.take(event).map(toFrame),
    close: (cost) => keepAndFrame(writer.close(cost), true),
    fail(error) {
      const events = writer.fail(error);
      return request.background ? keepAndFrame(events, false) : events.map(toFrame);
    },
    cancel: () => keepAndFrame(writer.cancel(), false),
    response: writer.response,
  };
}
