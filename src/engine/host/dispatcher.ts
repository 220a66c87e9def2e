import { randomInt } from "node:crypto";
import { EngineCrashedError } from "../../generation/errors.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import type { HostMessage, SequenceUpdate, WorkerMessage } from "../contract/messages.ts";
import { rejectionError, sendFailure, UnreadTextError } from "./errors.ts";
import type { EventWriter } from "./event-stream.ts";
import type { SupervisionPolicy } from "./policy.ts";
import { allowedToRun, judge, trialTokens } from "./quarantine.ts";
import { createSequenceTable, type InFlightRequest, isSubmitted, type Sequence } from "./sequence-table.ts";
import type { EngineLogger } from "./worker-process.ts";

/** Brings requests to whichever worker lives, and what the workers say back to the requests. */
type Dispatcher = {
  /** Takes a request in. It is submitted when a worker is there and no suspect is on trial. */
  add(request: GenerationRequest, writer: EventWriter): InFlightRequest;
  /** Forgets a request that nobody wants any more, and tells the worker. Does nothing when it has ended. */
  cancel(inFlight: InFlightRequest): void;
  /** Takes a request back from the worker, which goes on where it was after `resume`. False where it must stay: it is on trial, or has ended. */
  pause(inFlight: InFlightRequest): boolean;
  resume(inFlight: InFlightRequest): void;
  /** A worker has loaded: everything unfinished goes to it. */
  workerReady(send: (message: HostMessage) => void): void;
  /** Nothing more is to go to this worker; what it has it finishes. */
  hold(): void;
  /** The worker of the last `workerReady` is gone. `hadOthers`: it was at work on more than requests, which may be why. */
  workerLost(hadOthers: boolean): void;
  handle(message: Extract<WorkerMessage, { type: "step" | "rejected" }>): void;
  /** Ends every request with `error`. */
  failAll(error: Error): void;
  readonly counts: { readonly requests: number; readonly submissions: number };
};

type DispatcherOptions = {
  readonly policy: Pick<SupervisionPolicy, "maxDeaths" | "clearAfterTokens" | "maxUnreadChars">;
  readonly logger: EngineLogger;
};

export function createDispatcher({ policy, logger }: DispatcherOptions): Dispatcher {
  const table = createSequenceTable();
  let send: ((message: HostMessage) => void) | undefined;
  let isHeld = false;
  /**
   * Set when the worker may still be at work on a cancelled sequence: to the last id submitted before the cancel. Messages stay in
   * order, so news of a later submission says that the cancel was read. Until then a death proves nothing against anybody.
   */
  let cancelUnconfirmedUntil: number | undefined;

  function submitAllowed(): void {
    // One that can't be sent may have kept others from their turn, as the suspect on trial does.
    while (send !== undefined && !isHeld && failUnsendable(send)) {}
  }

  /** Submits what may run, and fails what can't be sent. Returns whether there was any such. */
  function failUnsendable(sendToWorker: (message: HostMessage) => void): boolean {
    let failed = false;
    for (const inFlight of allowedToRun(table.requests)) {
      if (inFlight.paused) continue;
      try {
        submit(inFlight, sendToWorker);
      } catch (error) {
        failed = true;
        forget(inFlight);
        inFlight.writer.fail(sendFailure(error));
      }
    }
    return failed;
  }

  /** Throws where one of the sequences can't be sent; it is then as if that one had not been submitted. */
  function submit({ sequences }: InFlightRequest, sendToWorker: (message: HostMessage) => void): void {
    for (const sequence of sequences) {
      if (sequence.finished || sequence.submission !== undefined) continue;
      const message: HostMessage = { type: "submit", sequence: table.submit(sequence, trialTokens(sequence, policy)) };
      try {
        sendToWorker(message);
      } catch (error) {
        table.release(sequence);
        throw error;
      }
    }
  }

  function cancel(inFlight: InFlightRequest): void {
    forget(inFlight);
    submitAllowed();
  }

  function forget(inFlight: InFlightRequest): void {
    takeBack(table.remove(inFlight));
  }

  function takeBack(ids: readonly number[]): void {
    if (ids.length > 0) cancelUnconfirmedUntil = table.lastId;
    for (const id of ids) send?.({ type: "cancel", id });
  }

  function fail(inFlight: InFlightRequest, error: unknown): void {
    cancel(inFlight);
    inFlight.writer.fail(error);
  }

  function update(sequence: Sequence, news: SequenceUpdate): void {
    const { owner, choice, submission } = sequence;
    const { finished } = news;
    const trial = submission?.trialTokens;
    if (trial !== undefined && finished?.reason === "length" && finished.completionTokens >= trial) {
      // The trial's end, not the sequence's. This last update is dropped, its tokens too, since its text may have been pushed out by
      // the end: half a character, or the beginning of a stop string.
      table.release(sequence);
      clear(owner);
      return;
    }
    if (news.started !== undefined && !owner.started) {
      owner.started = true;
      owner.writer.started(news.started.promptTokens, news.started.cachedTokens);
    }
    sequence.tokens.push(...news.tokens);
    if (tell(sequence, news) > policy.maxUnreadChars) {
      logger.warn({ requestId: owner.request.id }, "cancelled a request whose text nobody reads");
      cancel(owner);
      owner.writer.abort(new UnreadTextError(policy.maxUnreadChars));
      return;
    }
    if (finished !== undefined) {
      if (news.times !== undefined) owner.request.observe?.({ type: "evaluated", choice, evaluation: news.times });
      owner.writer.finished(choice, finished.reason, finished.completionTokens, finished.stopString);
      sequence.finished = true;
      table.release(sequence);
      if (owner.sequences.every((each) => each.finished)) {
        table.remove(owner);
        owner.writer.end();
        submitAllowed();
      } else {
        clear(owner);
      }
    }
  }

  /** Passes on what is to be seen. Returns how much waits for the reader. */
  function tell(sequence: Sequence, { text, logprobs, promptLogprobs }: SequenceUpdate): number {
    const { owner, choice } = sequence;
    let unreadChars = 0;
    if (promptLogprobs !== undefined) {
      sequence.promptScored += promptLogprobs.length;
      unreadChars = owner.writer.prompt(choice, promptLogprobs);
    }
    return text !== "" || logprobs !== undefined ? owner.writer.text(choice, text, logprobs) : unreadChars;
  }

  /** Ends a suspect's trial when all of its sequences have passed theirs. */
  function clear(inFlight: InFlightRequest): void {
    if (!inFlight.suspect || isSubmitted(inFlight)) return;
    inFlight.suspect = false;
    submitAllowed();
  }

  return {
    add(request, writer) {
      const inFlight = table.add(request, writer, request.sampling.seed ?? randomInt(2 ** 32));
      submitAllowed();
      return inFlight;
    },
    cancel(inFlight) {
      if (table.requests.has(inFlight)) cancel(inFlight);
    },
    pause(inFlight) {
      // A suspect is on trial, and the others wait for its end.
      if (!table.requests.has(inFlight) || inFlight.suspect) return false;
      inFlight.paused = true;
      takeBack(table.withdraw(inFlight));
      return true;
    },
    resume(inFlight) {
      inFlight.paused = false;
      submitAllowed();
    },
    workerReady(sendToWorker) {
      send = sendToWorker;
      isHeld = false;
      submitAllowed();
    },
    hold() {
      isHeld = true;
    },
    workerLost(hadOthers) {
      send = undefined;
      const present = [...table.requests].filter(isSubmitted);
      const alone = present.length === 1 && cancelUnconfirmedUntil === undefined && !hadOthers;
      cancelUnconfirmedUntil = undefined;
      for (const inFlight of present) {
        for (const sequence of inFlight.sequences) table.release(sequence);
        inFlight.deaths += 1;
        const verdict = judge(inFlight.deaths, alone, policy);
        inFlight.suspect = verdict === "suspect";
        if (verdict === "guilty") {
          logger.error(
            { requestId: inFlight.request.id, deaths: inFlight.deaths },
            "gave up a request that kills the engine",
          );
          fail(inFlight, new EngineCrashedError(inFlight.deaths));
        }
      }
    },
    handle(message) {
      const updates = message.type === "step" ? message.updates : [message];
      for (const each of updates) {
        if (cancelUnconfirmedUntil !== undefined && each.id > cancelUnconfirmedUntil)
          cancelUnconfirmedUntil = undefined;
        const sequence = table.find(each.id);
        // Nobody wants it any more: the cancel is on its way.
        if (sequence === undefined) continue;
        try {
          if ("rejection" in each) {
            table.release(sequence);
            fail(sequence.owner, rejectionError(each.rejection));
          } else {
            update(sequence, each);
          }
        } catch (error) {
          // The others of this step have nothing to do with it.
          logger.error({ err: error, requestId: sequence.owner.request.id }, "a request's news could not be handled");
          fail(sequence.owner, error);
        }
      }
    },
    failAll(error) {
      send = undefined;
      for (const inFlight of [...table.requests]) fail(inFlight, error);
    },
    get counts() {
      return { requests: table.requests.size, submissions: table.submissionCount };
    },
  };
}
