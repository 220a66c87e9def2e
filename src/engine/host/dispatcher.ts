import { randomInt } from "node:crypto";
import { EngineCrashedError } from "../../generation/errors.ts";
import type { JournalStep } from "../../generation/journal.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import type { HostMessage, SequenceUpdate, WorkerMessage } from "../contract/messages.ts";
import { rejectionError, sendFailure, UnreadTextError } from "./errors.ts";
import type { GenerationWriter } from "./generation-stream.ts";
import type { SupervisionPolicy } from "./policy.ts";
import { printRequest } from "./print.ts";
import { allowedToRun, judge, trialTokens } from "./quarantine.ts";
import { createSequenceTable, type InFlightRequest, isSubmitted, type Sequence } from "./sequence-table.ts";
import type { EngineLogger } from "./worker-process.ts";

/** Sends requests to the current worker, and the worker's updates to the requests. */
type Dispatcher = {
  /** Adds a request. It is submitted once a worker is ready and no suspect is on trial. */
  add(request: GenerationRequest, writer: GenerationWriter): InFlightRequest;
  /** Removes a request and tells the worker. Does nothing if it has ended. */
  cancel(inFlight: InFlightRequest): void;
  /** Takes a request back from the worker until `resume`. Returns false if it is on trial or has ended. */
  pause(inFlight: InFlightRequest): boolean;
  resume(inFlight: InFlightRequest): void;
  /** A worker has loaded: all unfinished requests are submitted to it. */
  workerReady(send: (message: HostMessage) => void): void;
  /** Submits nothing more to this worker. It still finishes what it has. */
  hold(): void;
  /** The worker of the last `workerReady` is gone. `hadQueries` says that it also had queries, which may be the cause. */
  workerLost(hadQueries: boolean): void;
  handle(message: Extract<WorkerMessage, { type: "step" | "rejected" }>): void;
  failAll(error: Error): void;
  /** The sequence of a submission, unless it has left. */
  find(submission: number): Sequence | undefined;
  readonly counts: { readonly requests: number; readonly submissions: number };
  readonly heldTokens: number;
};

type DispatcherOptions = {
  readonly policy: Pick<SupervisionPolicy, "maxDeaths" | "clearAfterTokens" | "maxUnreadChars">;
  readonly logger: EngineLogger;
  /** What stands for the model that answers. */
  readonly print: () => string;
};

type Told = "started" | "tokens" | "text" | "logprobs" | "promptLogprobs";
type End = NonNullable<SequenceUpdate["finished"]>;

/** An update as it is written down. */
function stepOf({ choice }: Sequence, { id, times, ...news }: SequenceUpdate): JournalStep {
  return { choice, ...news };
}

export function createDispatcher({ policy, logger, print }: DispatcherOptions): Dispatcher {
  const table = createSequenceTable();
  let send: ((message: HostMessage) => void) | undefined;
  let isHeld = false;
  /**
   * Set while the worker may still run a cancelled sequence: the last id submitted before the cancel. Messages are handled in order, so
   * an update of a later submission shows that the worker has read the cancel. Until then, a death proves nothing about any request.
   */
  let cancelUnconfirmedUntil: number | undefined;

  function submitAllowed(): void {
    // A request that can't be sent may have been a suspect, which blocked the others.
    while (send !== undefined && !isHeld && failUnsendable(send)) {}
  }

  /** Submits the requests that may run, and fails those that can't be sent. Returns whether any failed. */
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

  /** Throws if a sequence can't be sent; that sequence then counts as not submitted. */
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
      // The trial ended, not the sequence. This update and its tokens are dropped, because the end may have flushed incomplete text:
      // half a character, or the beginning of a stop string.
      table.release(sequence);
      clear(owner);
      return;
    }
    const { journal } = owner.request;
    if (journal !== undefined) journal.note(stepOf(sequence, news));
    if (tell(sequence, news) > policy.maxUnreadChars) {
      logger.warn({ requestId: owner.request.id }, "cancelled a request whose text nobody reads");
      cancel(owner);
      owner.writer.abort(new UnreadTextError(policy.maxUnreadChars));
      return;
    }
    if (finished !== undefined) {
      if (news.times !== undefined) owner.request.observe?.({ type: "evaluated", choice, evaluation: news.times });
      end(sequence, finished);
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

  /** Passes all on but the end. Returns how much the reader has yet to take. */
  function tell(sequence: Sequence, news: Pick<JournalStep, Told>): number {
    const { owner } = sequence;
    if (news.started !== undefined && !owner.started) {
      owner.started = true;
      owner.promptTokens = news.started.promptTokens;
      owner.writer.started(news.started.promptTokens, news.started.cachedTokens);
    }
    sequence.tokens.push(...news.tokens);
    return deliver(sequence, news);
  }

  function end(sequence: Sequence, { reason, completionTokens, stopString }: End): void {
    sequence.owner.writer.finished(sequence.choice, reason, completionTokens, stopString);
    sequence.finished = true;
  }

  /** Says again what an earlier process has written down. */
  function tellAgain(inFlight: InFlightRequest, steps: readonly JournalStep[]): void {
    const { sequences, writer } = inFlight;
    for (const step of steps) {
      const sequence = sequences[step.choice];
      if (sequence === undefined) continue;
      tell(sequence, step);
      if (step.finished !== undefined) end(sequence, step.finished);
    }
    if (!sequences.every(({ finished }) => finished)) return;
    table.remove(inFlight);
    writer.end();
  }

  /** Passes text and log-probabilities on. Returns how much the reader has yet to take. */
  function deliver(sequence: Sequence, { text, logprobs, promptLogprobs }: Pick<JournalStep, Told>): number {
    const { owner, choice } = sequence;
    let unreadChars = 0;
    if (promptLogprobs !== undefined) {
      sequence.promptScored += promptLogprobs.length;
      unreadChars = owner.writer.prompt(choice, promptLogprobs);
    }
    return text !== "" || logprobs !== undefined ? owner.writer.text(choice, text, logprobs) : unreadChars;
  }

  /** Ends a suspect's trial once all of its sequences have passed. */
  function clear(inFlight: InFlightRequest): void {
    if (!inFlight.suspect || isSubmitted(inFlight)) return;
    inFlight.suspect = false;
    submitAllowed();
  }

  return {
    add(request, writer) {
      const { journal } = request;
      const earlier = journal?.begin(printRequest(request, print())) ?? [];
      const inFlight = table.add(request, writer, request.sampling.seed ?? journal?.seed ?? randomInt(2 ** 32));
      if (earlier.length > 0) tellAgain(inFlight, earlier);
      submitAllowed();
      return inFlight;
    },
    cancel(inFlight) {
      if (table.requests.has(inFlight)) cancel(inFlight);
    },
    pause(inFlight) {
      // A suspect is on trial, and the other requests wait for the end of the trial.
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
    workerLost(hadQueries) {
      send = undefined;
      const present = [...table.requests].filter(isSubmitted);
      const alone = present.length === 1 && cancelUnconfirmedUntil === undefined && !hadQueries;
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
        // It was cancelled, and the worker has yet to read the cancel.
        if (sequence === undefined) continue;
        try {
          if ("rejection" in each) {
            table.release(sequence);
            fail(sequence.owner, rejectionError(each.rejection));
          } else {
            update(sequence, each);
          }
        } catch (error) {
          // The other sequences of this step are not affected.
          logger.error({ err: error, requestId: sequence.owner.request.id }, "a request's news could not be handled");
          fail(sequence.owner, error);
        }
      }
    },
    failAll(error) {
      send = undefined;
      for (const inFlight of [...table.requests]) fail(inFlight, error);
    },
    find: table.find,
    get heldTokens() {
      return table.heldTokens;
    },
    get counts() {
      return { requests: table.requests.size, submissions: table.submissionCount };
    },
  };
}
