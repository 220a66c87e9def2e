import { type Clock, systemClock } from "../../clock.ts";
import { EngineUnavailableError } from "../../generation/errors.ts";
import type {
  TextAnswer,
  VocabularyHostMessage,
  VocabularyOptions,
  VocabularyWorkerMessage,
} from "../contract/messages.ts";
import { parseVocabularyMessage } from "../contract/messages.ts";
import { createGuard, guardClock } from "./guard.ts";
import { DEFAULT_POLICY, type SupervisionPolicy } from "./policy.ts";
import { createQuestions, type Inquiry } from "./questions.ts";
import { forkVocabulary, type SpawnWorker } from "./worker-child.ts";
import { describeDeath, type WorkerDeath } from "./worker-death.ts";
import { type EngineLogger, openChild, type WorkerProcess } from "./worker-process.ts";

export type VocabularyQuery = Extract<VocabularyHostMessage, { readonly type: "query" }>["query"];

/** One model's vocabulary and template, in a process of their own that lives only while it is used. */
export type Vocabulary = {
  /** Rejects as `Questions.ask` does, and with `EngineUnavailableError` where the vocabulary can't be loaded. */
  ask(inquiry: Inquiry<VocabularyQuery>): Promise<TextAnswer>;
  /** The process id of the worker that lives now. */
  readonly pid: number | undefined;
  /** Ends the worker and fails what waits; resolves when the process has exited. */
  stop(): Promise<void>;
};

export type VocabularyPolicy = Pick<SupervisionPolicy, "loadTimeoutMs" | "stopGraceMs" | "drainMs"> & {
  /** A worker that was asked nothing for so long is ended: its memory is worth more than the half second that a load takes. */
  readonly idleMs: number;
  /** A worker that doesn't answer for so long hangs and is killed. It yields to engines, so it may be slow where they are at work. */
  readonly answerTimeoutMs: number;
};

export type CreateVocabularyOptions = {
  readonly options: () => VocabularyOptions;
  readonly logger: EngineLogger;
  readonly spawn?: SpawnWorker<VocabularyHostMessage>;
  readonly clock?: Clock;
  readonly policy?: Partial<VocabularyPolicy>;
};

const DEFAULT_VOCABULARY_POLICY: VocabularyPolicy = { ...DEFAULT_POLICY, idleMs: 300_000, answerTimeoutMs: 180_000 };

type Running = {
  readonly process: WorkerProcess<VocabularyHostMessage>;
  isLoaded: boolean;
  /** It was told to end, because nobody needed it. */
  isEnding: boolean;
  loadFailure?: string;
};

/** A number: it is at work, after so many answers. */
type Timed = { readonly state: "loads" | "rests" | number; readonly cancel: () => void };

/**
 * Answers what would take an engine's process so long that its streams stood still: large texts. Its process starts with the first of them,
 * has one at a time, and gives way to the engine's wherever both want a core.
 */
export function createVocabulary(given: CreateVocabularyOptions): Vocabulary {
  const { options, logger, spawn = forkVocabulary } = given;
  const clock = guardClock(given.clock ?? systemClock, createGuard(logger));
  const policy = { ...DEFAULT_VOCABULARY_POLICY, ...given.policy };
  const questions = createQuestions<VocabularyQuery>({ maxAtOnce: 1, onChange: look });
  const exited = Promise.withResolvers<void>();
  let running: Running | undefined;
  let stopped = false;
  let timed: Timed | undefined;
  let answers = 0;

  /** Sees to it that there is a worker while there are questions, and for how long it may take or rest. */
  function look(): void {
    if (!stopped && running === undefined && questions.pending > 0) launch();
    const state = stateNow();
    // A question that comes meanwhile gives nobody more time.
    if (timed?.state === state) return;
    timed?.cancel();
    timed = state === undefined ? undefined : { state, cancel: startTimer(state) };
  }

  /** What the worker is at, as far as that may not go on for ever. */
  function stateNow(): Timed["state"] | undefined {
    if (stopped || running === undefined || running.isEnding) return undefined;
    if (!running.isLoaded) return "loads";
    return questions.submitted > 0 ? answers : "rests";
  }

  function startTimer(state: Timed["state"]): () => void {
    if (state === "rests") return clock.after(policy.idleMs, endIdle);
    const [limitMs, what] =
      state === "loads"
        ? [policy.loadTimeoutMs, "the vocabulary did not load"]
        : [policy.answerTimeoutMs, "a question was not answered"];
    return clock.after(limitMs, () => running?.process.kill(`${what} within ${limitMs / 1000} s`));
  }

  function launch(): void {
    const process = openChild<VocabularyHostMessage, VocabularyWorkerMessage>(
      { spawn, clock, policy, logger, onMessage: handle, onDeath: bury },
      parseVocabularyMessage,
    );
    running = { process, isLoaded: false, isEnding: false };
    process.send({ type: "load", options: options() });
  }

  function endIdle(): void {
    if (running === undefined) return;
    logger.info({ enginePid: running.process.pid }, "the process for long texts ends: nobody needed it");
    running.isEnding = true;
    // What comes now is for the next one.
    questions.workerLost();
    look();
    running.process.end();
  }

  function handle(message: VocabularyWorkerMessage): void {
    if (running === undefined) return;
    const { process } = running;
    switch (message.type) {
      case "loaded":
        running.isLoaded = true;
        logger.info({ enginePid: process.pid }, "the process for long texts is ready");
        questions.workerReady((id, query) => process.send({ type: "query", id, query }));
        break;
      case "loadFailed":
        running.loadFailure = message.reason;
        break;
      case "answer":
        answers += 1;
        questions.answer(message.id, message.answer);
        break;
      case "log":
        logger[message.level]({ enginePid: process.pid }, `engine: ${message.message}`);
    }
  }

  /** What to do when the worker's process has ended, for whatever reason. */
  function bury(death: WorkerDeath): void {
    const dead = running;
    running = undefined;
    questions.workerLost();
    if (stopped) {
      exited.resolve();
      return;
    }
    if (dead?.isEnding !== true) {
      const cause = describeDeath({ ...death, reason: dead?.loadFailure ?? death.reason });
      const facts = { enginePid: dead?.process.pid, lastLines: death.lastLines };
      logger.error(facts, `at work on a long text: ${cause}`);
      if (dead?.isLoaded !== true) {
        questions.failAll(
          new EngineUnavailableError(
            "The model's vocabulary could not be loaded for a long text. The gateway's log says why; the next request tries again.",
          ),
        );
      }
    }
    look();
  }

  return {
    ask: (inquiry) => (stopped ? Promise.reject(unavailable()) : questions.ask(inquiry)),
    get pid() {
      return running?.process.pid;
    },
    stop() {
      if (stopped) return exited.promise;
      stopped = true;
      look();
      if (running === undefined) exited.resolve();
      else running.process.end();
      questions.failAll(unavailable());
      return exited.promise;
    },
  };
}

function unavailable(): EngineUnavailableError {
  return new EngineUnavailableError("The engine for this model was stopped.");
}
