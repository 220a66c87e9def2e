import { type Clock, systemClock } from "../../clock.ts";
import type { Embed, EmbeddingRefusal, EmbeddingRequest } from "../../generation/embedding.ts";
import {
  type EmbedderHostMessage,
  type EmbedderInfo,
  type EmbedderOptions,
  type EmbedderWorkerMessage,
  parseEmbedderMessage,
} from "../contract/embedding-messages.ts";
import { createEmbeddingJobs, type EmbeddingJob } from "./embedding-jobs.ts";
import { sendFailure } from "./errors.ts";
import { createGuard, guardClock } from "./guard.ts";
import { createLifeCycle, type Living, type Room } from "./life-cycle.ts";
import { ON_DEMAND_POLICY, type SupervisionPolicy } from "./policy.ts";
import { forkEmbedder, type SpawnWorker } from "./worker-child.ts";
import type { EngineLogger } from "./worker-process.ts";

/** One model's embeddings. They are made in a separate process, which runs only while it is used. */
export type Embedder = Living<EmbedderInfo> & { readonly embed: Embed };

type CreateEmbedderOptions = {
  readonly options: EmbedderOptions;
  readonly logger: EngineLogger;
  readonly spawn?: SpawnWorker<EmbedderHostMessage>;
  readonly clock?: Clock;
  readonly policy?: Partial<SupervisionPolicy>;
  /** Where its process needs room in memory before it starts. */
  readonly room?: Room;
  /** Whether its process is kept without work; as the policy says by default. */
  readonly isKept?: () => boolean;
};

type News = Extract<EmbedderWorkerMessage, { readonly type: "embedded" | "refused" | "cancelled" }>;

/**
 * Creates an embedder; its process starts with the first request. The worker gets one item at a time, so an aborted request ends at once,
 * and the item that killed a process is known. The next process gets that item after all other requests that are waiting, until `maxDeaths`.
 */
export function createEmbedder(given: CreateEmbedderOptions): Embedder {
  const { options, logger, spawn = forkEmbedder } = given;
  const clock = guardClock(given.clock ?? systemClock, createGuard(logger));
  const policy = { ...ON_DEMAND_POLICY, ...given.policy };
  const jobs = createEmbeddingJobs({ onAbort: cancel, onAdd: pump });
  let lastId = 0;
  /** Sends to the worker; undefined while it takes no items. */
  let send: ((message: EmbedderHostMessage) => void) | undefined;
  /** The item that the worker works on. */
  let current: { readonly id: number; readonly job: EmbeddingJob } | undefined;
  /** The request that the last process died of. */
  let suspect: EmbeddingJob | undefined;

  const life = createLifeCycle<EmbedderHostMessage, EmbedderInfo, News>({
    name: "the embedding process",
    failure: "The model could not be loaded for embeddings.",
    modelPath: options.modelPath,
    spawn,
    parse: parseEmbedderMessage,
    loadMessage: () => ({ type: "load", options }),
    facts: (info) => info,
    beats: true,
    clock,
    policy,
    logger,
    room: given.room,
    isKept: given.isKept,
    work: {
      isInHand: () => jobs.size > 0,
      isSubmitted: () => current !== undefined,
      onReady(sendToWorker) {
        send = sendToWorker;
        // Requests that came while the model loaded go first, too.
        suspect?.defer();
        suspect = undefined;
        pump();
      },
      onHold() {
        send = undefined;
      },
      onNews: take,
      onLost() {
        send = undefined;
        suspect = current?.job;
        current = undefined;
        suspect?.died(policy.maxDeaths);
      },
      onFailed(error) {
        current = undefined;
        jobs.failAll(error);
      },
    },
  });

  /** Gives the worker its next item. */
  function pump(): void {
    while (send !== undefined && current === undefined) {
      const job = jobs.first;
      if (job === undefined) break;
      sendItem(job, send);
    }
    life.look();
  }

  function sendItem(job: EmbeddingJob, sendToWorker: (message: EmbedderHostMessage) => void): void {
    const refusal = life.info && findMisfit(job, life.info);
    if (refusal !== undefined) {
      job.refuse(refusal);
      return;
    }
    lastId += 1;
    try {
      sendToWorker({ type: "embed", id: lastId, item: job.item });
      current = { id: lastId, job };
    } catch (error) {
      job.fail(sendFailure(error));
    }
  }

  function cancel(job: EmbeddingJob): void {
    if (current?.job === job) send?.({ type: "cancel", id: current.id });
    life.look();
  }

  function take(message: News): void {
    if (current?.id !== message.id) return;
    const { job } = current;
    current = undefined;
    if (message.type === "embedded") job.embedded(message.vector, message.tokens);
    if (message.type === "refused") job.refuse(message.refusal);
    pump();
  }

  return Object.assign(life, {
    async embed(request: EmbeddingRequest) {
      if (!request.signal.aborted && request.items.length > 0) life.demand();
      return jobs.add(request);
    },
  });
}

/** Why the model can't process any item of a request; undefined if it can. */
function findMisfit({ request, item }: EmbeddingJob, info: EmbedderInfo): EmbeddingRefusal | undefined {
  const ranks = info.pooling === "rank";
  if (item.type === "pair") return ranks ? undefined : { code: "not_a_reranker" };
  if (ranks) return { code: "only_a_reranker" };
  if (request.dimensions !== undefined && request.dimensions > info.dimensions) {
    return { code: "too_many_dimensions", modelDimensions: info.dimensions };
  }
  return undefined;
}
