import type { AnswerProblem, AssistantMessage, Facts, Pickup, Token } from "../conversation/message.ts";
import { readChunk } from "./chunk.ts";
import { createDraft } from "./draft.ts";
import { readHeaders } from "./headers.ts";
import { type Arrival, LostError, RefusedError, readStream, type Send, type Waiting } from "./stream.ts";

/** How an answer comes, and where it goes. */
export type Writing = {
  /** Sends the request; undefined if the stream is taken up where `message.pickup` says. */
  readonly ask: Send | undefined;
  /** Sends a request for what follows in a stream. */
  readonly takeUp: (pickup: Pickup, signal: AbortSignal) => Promise<Response>;
  readonly signal: AbortSignal;
  /** Called whenever there is something new. */
  readonly onChange: (writer: Writer) => unknown;
  readonly now: () => number;
  /** Resolves after a time, or when the signal is aborted. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** An answer that is being written. */
export type Writer = {
  /** The answer so far. */
  readonly look: () => AssistantMessage;
  /** The tokens since the last call. */
  readonly takeTokens: () => readonly Token[];
  /** Whether it is known where the stream can be taken up. */
  readonly canBeTakenUp: () => boolean;
  /** Set while the request waits for its turn. */
  readonly waiting: () => Waiting | undefined;
  /** Whether the connection was lost, and another is tried. */
  readonly isReconnecting: () => boolean;
};

/** How long the pauses between tries to take up a stream are. After the last, what is there is kept as cut. */
const PAUSES_MS = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000];

/** Writes an answer to its end, whatever that is: the result's state is never `writing`. Throws nothing. */
export async function writeAnswer(message: AssistantMessage, writing: Writing): Promise<Writer> {
  const { signal, onChange, now, pause } = writing;
  const draft = createDraft(message, now());
  let pickup = message.pickup;
  let state: AssistantMessage["state"] = "writing";
  let problem: AnswerProblem | null = null;
  // Of an earlier visit its headers are known; its times are the connection's.
  const { firstTokenMs: _, tokensPerSecond: __, ...earlier } = message.facts;
  let facts: Facts = writing.ask === undefined ? earlier : {};
  let waiting: Waiting | undefined;
  let isReconnecting = false;
  const writer: Writer = {
    look() {
      const answer = draft.look();
      return { ...answer, state, pickup, problem: problem ?? answer.problem, facts: { ...facts, ...answer.facts } };
    },
    takeTokens: draft.takeTokens,
    canBeTakenUp: () => pickup !== null,
    waiting: () => waiting,
    isReconnecting: () => isReconnecting,
  };

  let send = writing.ask;

  function take(arrival: Arrival): void {
    switch (arrival.type) {
      case "opened": {
        const { headers } = arrival;
        isReconnecting = false;
        // What is taken up comes with headers of its own, which tell nothing of the answer.
        if (send !== undefined) facts = readHeaders(headers);
        const request = headers.get("x-request-id");
        if (headers.has("sluice-resume") && request !== null) pickup ??= { request, lastEvent: `${request}:0` };
        return;
      }
      case "waiting":
        waiting = arrival.waiting;
        return;
      case "event": {
        const pieces = readChunk(arrival.data);
        if (pieces.some(({ type }) => type !== "model" && type !== "usage")) waiting = undefined;
        for (const piece of pieces) draft.add(piece, now());
        const request = /^(req_\w+):\d+$/.exec(arrival.id ?? "")?.[1];
        if (request !== undefined && arrival.id !== undefined) pickup = { request, lastEvent: arrival.id };
        return;
      }
      case "end":
        return;
    }
  }

  if (send === undefined) draft.spoilTimes();
  for (let tries = 0; state === "writing"; ) {
    const from = pickup;
    try {
      if (send === undefined && from === null) throw new LostError("The connection was lost.");
      const open: Send =
        send ?? ((aborted) => (from === null ? Promise.reject(new LostError("")) : writing.takeUp(from, aborted)));
      for await (const arrival of readStream(open, signal)) {
        take(arrival);
        if (arrival.type === "event") tries = 0;
        onChange(writer);
        signal.throwIfAborted();
      }
      state = draft.look().problem === null ? "done" : "failed";
    } catch (error) {
      const answer = draft.look();
      if (signal.aborted) state = "stopped";
      else if (answer.problem !== null) state = "failed";
      else if (error instanceof LostError && pickup !== null && tries < PAUSES_MS.length) {
        draft.spoilTimes();
        send = undefined;
        isReconnecting = true;
        onChange(writer);
        await pause(PAUSES_MS[tries] ?? 0, signal);
        tries += 1;
      } else if (answer.finish !== null) {
        // Only the usage is missing.
        state = "done";
      } else {
        const isBegun = answer.content !== "" || answer.reasoning !== "" || answer.calls.length > 0;
        const isTakenUp = send === undefined;
        state = isBegun || isTakenUp ? "cut" : "failed";
        problem = isTakenUp ? toLoss(error) : toProblem(error);
      }
    }
  }
  pickup = null;
  waiting = undefined;
  isReconnecting = false;
  return writer;
}

const NOT_FOUND = 404;

/** Why an answer could not be taken up, in a reader's words: the gateway tells programs how streams are kept. */
function toLoss(error: unknown): AnswerProblem {
  const problem = toProblem(error);
  if (problem.status !== NOT_FOUND) return problem;
  return {
    ...problem,
    message: "The gateway no longer has this answer: it was started again, or the answer is too old.",
  };
}

function toProblem(error: unknown): AnswerProblem {
  if (error instanceof RefusedError) return { message: error.message, code: error.code, status: error.status };
  return { message: error instanceof Error ? error.message : String(error), code: null, status: null };
}
