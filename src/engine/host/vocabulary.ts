import { type Clock, systemClock } from "../../clock.ts";
import {
  parseVocabularyMessage,
  type TextAnswer,
  type VocabularyHostMessage,
  type VocabularyOptions,
  type VocabularyWorkerMessage,
} from "../contract/messages.ts";
import { createGuard, guardClock } from "./guard.ts";
import { createLifeCycle, type Living } from "./life-cycle.ts";
import { ON_DEMAND_POLICY, type SupervisionPolicy } from "./policy.ts";
import { createQuestions, type Inquiry } from "./questions.ts";
import { forkVocabulary, type SpawnWorker } from "./worker-child.ts";
import type { EngineLogger } from "./worker-process.ts";

type VocabularyQuery = Extract<VocabularyHostMessage, { readonly type: "query" }>["query"];

/** One model's vocabulary and template, in a process of their own that lives only while it is used. */
export type Vocabulary = Pick<Living<Info>, "pid" | "unload" | "stop"> & {
  /** Rejects as `Questions.ask` does, and with `EngineUnavailableError` where the vocabulary can't be loaded. */
  ask(inquiry: Inquiry<VocabularyQuery>): Promise<TextAnswer>;
};

type VocabularyPolicy = SupervisionPolicy & {
  /** A worker that doesn't answer for so long hangs and is killed. It yields to engines, so it may be slow where they are at work. */
  readonly answerTimeoutMs: number;
};

type CreateVocabularyOptions = {
  readonly options: Omit<VocabularyOptions, "contextTokens">;
  /** Known by the time that anything is asked. */
  readonly contextTokens: () => number;
  readonly logger: EngineLogger;
  readonly spawn?: SpawnWorker<VocabularyHostMessage>;
  readonly clock?: Clock;
  readonly policy?: Partial<VocabularyPolicy>;
};

type Info = Extract<VocabularyWorkerMessage, { readonly type: "loaded" }>["info"];
type News = Extract<VocabularyWorkerMessage, { readonly type: "answer" }>;

/**
 * Answers what would take an engine's process so long that its streams stood still: large texts. Its process starts with the first of them,
 * has one at a time, and gives way to the engine's wherever both want a core.
 */
export function createVocabulary(given: CreateVocabularyOptions): Vocabulary {
  const { options, contextTokens, logger, spawn = forkVocabulary } = given;
  const clock = guardClock(given.clock ?? systemClock, createGuard(logger));
  const policy = { ...ON_DEMAND_POLICY, answerTimeoutMs: 180_000, ...given.policy };
  const questions = createQuestions<VocabularyQuery>({ maxAtOnce: 1, onChange: look });
  let answers = 0;
  /** The answer that is awaited, by its number. */
  let awaited: { readonly answer: number; readonly cancel: () => void } | undefined;

  const life = createLifeCycle<VocabularyHostMessage, Info, News>({
    name: "the process for long texts",
    failure: "The model's vocabulary could not be loaded for a long text.",
    modelPath: options.modelPath,
    spawn,
    parse: parseVocabularyMessage,
    loadMessage: () => ({ type: "load", options: { ...options, contextTokens: contextTokens() } }),
    beats: false,
    clock,
    policy,
    logger,
    work: {
      isInHand: () => questions.pending > 0,
      isSubmitted: () => questions.submitted > 0,
      onReady: (send) => questions.workerReady((id, query) => send({ type: "query", id, query })),
      onHold: questions.hold,
      onNews({ id, answer }) {
        answers += 1;
        questions.answer(id, answer);
      },
      onLost() {
        questions.workerLost();
        look();
      },
      onFailed(error) {
        questions.failAll(error);
        look();
      },
    },
  });

  /** Sees to it that no answer is awaited for ever. A question that comes meanwhile gives the worker no more time. */
  function look(): void {
    const answer = questions.submitted > 0 ? answers : undefined;
    if (awaited?.answer !== answer) {
      awaited?.cancel();
      awaited = answer === undefined ? undefined : { answer, cancel: clock.after(policy.answerTimeoutMs, endHung) };
    }
    life.look();
  }

  function endHung(): void {
    life.kill(`a question was not answered within ${policy.answerTimeoutMs / 1000} s`);
  }

  return {
    async ask(inquiry) {
      life.demand();
      return questions.ask(inquiry);
    },
    get pid() {
      return life.pid;
    },
    unload: life.unload,
    stop: life.stop,
  };
}
