import { type Clock, systemClock } from "../../clock.ts";
import {
  parseVocabularyMessage,
  type QueryResult,
  type VocabularyHostMessage,
  type VocabularyOptions,
  type VocabularyWorkerMessage,
} from "../contract/messages.ts";
import { createGuard, guardClock } from "./guard.ts";
import { createLifeCycle, type Living } from "./life-cycle.ts";
import { ON_DEMAND_POLICY, type SupervisionPolicy } from "./policy.ts";
import { createQueryQueue, type QueryJob } from "./query-queue.ts";
import { forkVocabulary, type SpawnWorker } from "./worker-child.ts";
import type { EngineLogger } from "./worker-process.ts";

type VocabularyQuery = Extract<VocabularyHostMessage, { readonly type: "query" }>["query"];

/** One model's vocabulary and chat template, in a separate process that runs only while it is used. */
export type Vocabulary = Pick<Living<Info>, "pid" | "unload" | "stop"> & {
  /** Rejects like `QueryQueue.ask`, and with `EngineUnavailableError` if the vocabulary can't be loaded. */
  ask(job: QueryJob<VocabularyQuery>): Promise<QueryResult>;
};

type VocabularyPolicy = SupervisionPolicy & {
  /** How long a query may take before the worker is killed. It is generous, because engines have priority over this worker. */
  readonly answerTimeoutMs: number;
};

type CreateVocabularyOptions = {
  readonly options: Omit<VocabularyOptions, "contextTokens">;
  /** Called only when a query comes; the engine has loaded by then. */
  readonly contextTokens: () => number;
  readonly logger: EngineLogger;
  readonly spawn?: SpawnWorker<VocabularyHostMessage>;
  readonly clock?: Clock;
  readonly policy?: Partial<VocabularyPolicy>;
};

type Info = Extract<VocabularyWorkerMessage, { readonly type: "loaded" }>["info"];
type News = Extract<VocabularyWorkerMessage, { readonly type: "result" }>;

/**
 * Runs the queries about large texts, which would block an engine's streams. The process starts with the first query, runs one query at
 * a time, and has a lower priority than the engine's.
 */
export function createVocabulary(given: CreateVocabularyOptions): Vocabulary {
  const { options, contextTokens, logger, spawn = forkVocabulary } = given;
  const clock = guardClock(given.clock ?? systemClock, createGuard(logger));
  const policy = { ...ON_DEMAND_POLICY, answerTimeoutMs: 180_000, ...given.policy };
  const queue = createQueryQueue<VocabularyQuery>({ maxAtOnce: 1, onChange: look });
  let results = 0;
  /** The timeout of the next result, identified by the number of results before it. */
  let awaited: { readonly result: number; readonly cancel: () => void } | undefined;

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
      isInHand: () => queue.pending > 0,
      isSubmitted: () => queue.submitted > 0,
      onReady: (send) => queue.workerReady((id, query) => send({ type: "query", id, query })),
      onHold: queue.hold,
      onNews({ id, result }) {
        results += 1;
        queue.settle(id, result);
      },
      onLost() {
        queue.workerLost();
        look();
      },
      onFailed(error) {
        queue.failAll(error);
        look();
      },
    },
  });

  /** Starts or stops the timeout of the next result. A query that arrives meanwhile doesn't extend it. */
  function look(): void {
    const result = queue.submitted > 0 ? results : undefined;
    if (awaited?.result !== result) {
      awaited?.cancel();
      awaited = result === undefined ? undefined : { result, cancel: clock.after(policy.answerTimeoutMs, endHung) };
    }
    life.look();
  }

  function endHung(): void {
    life.kill(`a question was not answered within ${policy.answerTimeoutMs / 1000} s`);
  }

  return {
    async ask(job) {
      life.demand();
      return queue.ask(job);
    },
    get pid() {
      return life.pid;
    },
    unload: life.unload,
    stop: life.stop,
  };
}
