import {
  type EmbeddingItem,
  type EmbeddingRefusal,
  EmbeddingRefusedError,
  type EmbeddingRequest,
  type EmbeddingResult,
} from "../../generation/embedding.ts";
import { EngineCrashedError } from "../../generation/errors.ts";

/** A request whose vectors are being made. Calls have no effect after its end. */
export type EmbeddingJob = {
  readonly request: EmbeddingRequest;
  readonly item: EmbeddingItem;
  /** Adds the vector of `item`, and continues with the next item. */
  embedded(vector: Float32Array, tokens: number): void;
  /** Ends the request: `item` can't have a vector. */
  refuse(refusal: EmbeddingRefusal): void;
  fail(error: unknown): void;
  /** The worker died during `item`. After `maxDeaths` deaths in a row the request fails. */
  died(maxDeaths: number): void;
  defer(): void;
};

/** The requests in order of arrival. They were scheduled fairly before they arrive here. */
export type EmbeddingJobs = {
  readonly size: number;
  readonly first: EmbeddingJob | undefined;
  add(request: EmbeddingRequest): Promise<EmbeddingResult>;
  failAll(error: Error): void;
};

export type EmbeddingJobsOptions = {
  /** The request was aborted and is removed. */
  readonly onAbort: (job: EmbeddingJob) => void;
  readonly onAdd: () => void;
};

export function createEmbeddingJobs({ onAbort, onAdd }: EmbeddingJobsOptions): EmbeddingJobs {
  /** The jobs in order, each with the function that fails it. */
  const jobs = new Map<EmbeddingJob, (error: unknown) => void>();

  function add(request: EmbeddingRequest): Promise<EmbeddingResult> {
    const { items, signal } = request;
    if (signal.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<EmbeddingResult>();
    const vectors: Float32Array[] = [];
    let tokens = 0;
    let deaths = 0;

    const job: EmbeddingJob = {
      request,
      get item() {
        const item = items[vectors.length];
        if (item === undefined) throw new Error("a request with all its vectors must have been removed");
        return item;
      },
      embedded(vector, itemTokens) {
        if (!jobs.has(job)) return;
        vectors.push(vector);
        tokens += itemTokens;
        deaths = 0;
        if (vectors.length < items.length) return;
        leave();
        resolve({ vectors, tokens });
      },
      fail,
      refuse(refusal) {
        fail(new EmbeddingRefusedError(vectors.length, refusal));
      },
      died(maxDeaths) {
        deaths += 1;
        if (deaths >= maxDeaths) fail(new EngineCrashedError(deaths));
      },
      defer() {
        if (jobs.delete(job)) jobs.set(job, fail);
      },
    };

    function leave(): boolean {
      signal.removeEventListener("abort", abort);
      return jobs.delete(job);
    }
    function fail(error: unknown): void {
      if (leave()) reject(error);
    }
    function abort(): void {
      fail(signal.reason);
      onAbort(job);
    }

    if (items.length === 0) return Promise.resolve({ vectors, tokens });
    signal.addEventListener("abort", abort, { once: true });
    jobs.set(job, fail);
    onAdd();
    return promise;
  }

  return {
    get size() {
      return jobs.size;
    },
    get first() {
      const [first] = jobs.keys();
      return first;
    },
    add,
    failAll(error) {
      for (const fail of [...jobs.values()]) fail(error);
    },
  };
}
