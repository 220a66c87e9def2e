import type { Clock } from "../clock.ts";
import { createFairQueue } from "../fairness/fair-queue.ts";
import type { Entry } from "../fairness/lanes.ts";
import {
  type Embed,
  type EmbeddingItem,
  EmbeddingRefusedError,
  type EmbeddingRequest,
  type EmbeddingResult,
  type EmbedLayer,
} from "../generation/embedding.ts";
import { OWN_TERMS, sharerOf } from "../generation/terms.ts";
import type { Load } from "./admission.ts";
import { createMean } from "./mean.ts";
import { createPricing, FEW_TOKENS } from "./price.ts";
import { sizeOfItems } from "./prompt-size.ts";
import { createWaits, type Waiting, waitedInVain } from "./waits.ts";

/** The queue of one model that makes vectors or scores: pure bookkeeping, on a clock that is passed in. */
export type ItemTurns = Load & {
  /** The innermost layer, around the model. */
  readonly layer: EmbedLayer;
  readonly counts: { readonly waiting: number; readonly running: number };
};

export type ItemTurnsOptions = {
  readonly clock: Clock;
  /** Whether the model can begin at once; while it can't, times don't measure its speed. */
  readonly isReady: () => boolean;
  /** In how many ms the model is likely to be loaded; 0 if it is. */
  readonly readyInMs?: (() => number) | undefined;
  /** The most tokens that one request counts among all tokens in progress. */
  readonly mostTokens: () => number;
};

type Job = {
  readonly request: EmbeddingRequest;
  readonly next: Embed;
  readonly vectors: Float32Array[];
  tokens: number;
  readonly arrivedMs: number;
  readonly waiting: Waiting;
  readonly answered: PromiseWithResolvers<EmbeddingResult>;
  /** The entry of its next item, or of the one being evaluated. */
  entry: Entry<Job> | undefined;
  /** Its position on arrival; 0 if it began at once. */
  position: number;
  hasBegun: boolean;
};

/**
 * Passes the model one item at a time. Between two items of one request the others get their turns, by class and fair between tenants by their
 * tokens. So however many texts a request has, another request waits for about one of them.
 *
 * A request waits until its first item begins: its deadline and its wait news are about that.
 */
export function createItemTurns({ clock, isReady, readyInMs = () => 0, mostTokens }: ItemTurnsOptions): ItemTurns {
  const queue = createFairQueue<Job>();
  const waits = createWaits(clock);
  const pricing = createPricing();
  const meanCost = createMean();
  let running: { readonly cost: number; readonly sinceMs: number } | undefined;

  function nextItem({ request: { items }, vectors }: Job): EmbeddingItem {
    const item = items[vectors.length];
    if (item === undefined) throw new Error("a request that has all its vectors must not be in the queue");
    return item;
  }

  function enqueue(job: Job, isFirst = false): void {
    const { terms = OWN_TERMS } = job.request;
    const { priority } = terms;
    const cost = Math.max(FEW_TOKENS, pricing.tokensOf(sizeOfItems([nextItem(job)])));
    job.entry = queue.push({ tenant: sharerOf(terms), priority, isFirst }, job, cost);
  }

  /** Passes the model its next item. */
  function pump(): void {
    if (running !== undefined) return;
    const entry = queue.take();
    if (entry === undefined) queue.forget();
    else void serve(entry);
  }

  async function serve(entry: Entry<Job>): Promise<void> {
    const { value: job, cost } = entry;
    const { request, next, vectors } = job;
    const item = nextItem(job);
    const sinceMs = clock.now();
    const isMeasure = isReady();
    running = { cost, sinceMs };
    begin(job);
    try {
      const made = await next({ ...request, items: [item] });
      const spent = Math.max(FEW_TOKENS, made.tokens);
      queue.charge(entry, spent - cost);
      meanCost.add(spent);
      const tenant = sharerOf(request.terms ?? OWN_TERMS);
      pricing.notePrompt({ tenant, size: sizeOfItems([item]) }, { promptTokens: made.tokens, cachedTokens: 0 });
      if (isMeasure) pricing.speeds.notePrefill(spent, clock.now() - sinceMs);
      vectors.push(...made.vectors);
      job.tokens += made.tokens;
      if (vectors.length === request.items.length) job.answered.resolve({ vectors, tokens: job.tokens });
      else if (!request.signal.aborted) enqueue(job);
    } catch (error) {
      job.answered.reject(
        error instanceof EmbeddingRefusedError ? new EmbeddingRefusedError(vectors.length, error.refusal) : error,
      );
    } finally {
      running = undefined;
      pump();
    }
  }

  function begin(job: Job): void {
    if (job.hasBegun) return;
    job.hasBegun = true;
    waits.remove(job.waiting);
    const waitedMs = clock.now() - job.arrivedMs;
    job.request.observe?.({ type: "admitted", waitedMs, position: job.position });
  }

  /** How long the item being evaluated and so much work take. */
  function drainMs(work: number): number {
    const { prefillMsPerToken } = pricing.speeds;
    const left = running === undefined ? 0 : running.cost * prefillMsPerToken - (clock.now() - running.sinceMs);
    return readyInMs() + work * prefillMsPerToken + Math.max(0, left);
  }

  function ahead({ entry }: Job) {
    return entry === undefined ? { entries: 0, work: 0 } : queue.ahead(entry);
  }

  function tell(job: Job): void {
    const { entries, work } = ahead(job);
    const etaMs = Math.round(drainMs(work + (job.entry?.cost ?? 0)));
    job.request.observe?.({ type: "waiting", position: entries + 1, etaMs });
  }

  /** Removes a job and rejects it. */
  function leave(job: Job, error: unknown): void {
    if (job.entry !== undefined) queue.remove(job.entry);
    waits.remove(job.waiting);
    job.answered.reject(error);
  }

  function expire(job: Job): void {
    leave(job, waitedInVain(clock.now() - job.arrivedMs, drainMs(ahead(job).work)));
  }

  function arrive(request: EmbeddingRequest, next: Embed): Job {
    const arrivedMs = clock.now();
    const { maxWaitMs, isReturning } = request.terms ?? OWN_TERMS;
    const job: Job = {
      ...{ request, next, arrivedMs, vectors: [], tokens: 0, position: 0, hasBegun: false, entry: undefined },
      answered: Promise.withResolvers(),
      waiting: {
        deadlineMs: maxWaitMs === undefined ? undefined : arrivedMs + maxWaitMs,
        tell: request.observe && (() => tell(job)),
        expire: () => expire(job),
      },
    };
    enqueue(job, isReturning);
    return job;
  }

  return {
    async layer(request, next) {
      const { signal, items } = request;
      signal.throwIfAborted();
      if (items.length === 0) return next(request);
      const job = arrive(request, next);
      const abort = () => leave(job, signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      pump();
      if (!job.hasBegun) {
        job.position = ahead(job).entries + 1;
        waits.add(job.waiting);
        tell(job);
      }
      try {
        return await job.answered.promise;
      } finally {
        signal.removeEventListener("abort", abort);
      }
    },
    tokensOf: (size) => Math.min(pricing.tokensOf(size), mostTokens()),
    get isIdle() {
      return queue.size === 0 && running === undefined;
    },
    predictMs(order, more = 0) {
      if (!pricing.speeds.isKnown) return readyInMs();
      const cost = meanCost.value ?? FEW_TOKENS;
      return drainMs(queue.aheadOfNext(order, { entries: more, work: more * cost }).work);
    },
    get counts() {
      return { waiting: queue.size, running: running === undefined ? 0 : 1 };
    },
  };
}
