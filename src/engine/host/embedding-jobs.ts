import {
  type EmbeddingItem,
  type EmbeddingRefusal,
  EmbeddingRefusedError,
  type EmbeddingRequest,
  type EmbeddingResult,
} from "../../generation/embedding.ts";
import { EngineCrashedError } from "../../generation/errors.ts";

/** A request whose vectors are being made. Whatever is told to one that has ended is dropped. */
export type EmbeddingJob = {
  readonly request: EmbeddingRequest;
  /** The one that comes next. */
  readonly item: EmbeddingItem;
  /** Takes in the vector of `item`, and goes on to the next. */
  embedded(vector: Float32Array, tokens: number): void;
  /** Ends the request: `item` can't have a vector. */
  refuse(refusal: EmbeddingRefusal): void;
  /** Ends the request with `error`. */
  fail(error: unknown): void;
  /** The worker died over `item`; ends the request when that was the `maxDeaths`th time. */
  died(maxDeaths: number): void;
};

/** Requests whose vectors are made, first come, first served: whose turn it is was decided before they came here. */
export type EmbeddingJobs = {
  readonly size: number;
  readonly first: EmbeddingJob | undefined;
  add(request: EmbeddingRequest): Promise<EmbeddingResult>;
  failAll(error: Error): void;
};

export type EmbeddingJobsOptions = {
  /** The request was aborted, and has left. */
  readonly onAbort: (job: EmbeddingJob) => void;
  /** There is a new request. */
  readonly onAdd: () => void;
};

export function createEmbeddingJobs({ onAbort, onAdd }: EmbeddingJobsOptions): EmbeddingJobs {
  /** What ends each of them by an error. */
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
        if (item === undefined) throw new Error("a request that has all its vectors must not be here");
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
        // Others go first: what kills the worker is asked again when they are done.
        else if (jobs.delete(job)) jobs.set(job, fail);
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
