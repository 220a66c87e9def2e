import { createFairQueue } from "../../fairness/fair-queue.ts";
import type { Entry } from "../../fairness/lanes.ts";
import { EngineCrashedError, OverloadedError } from "../../generation/errors.ts";
import type { Asker } from "../../generation/model.ts";
import type { QueryResult } from "../contract/messages.ts";
import { sendFailure } from "./errors.ts";

/** How many queries about text may wait at once, from all tenants and from one. */
const MAX_PENDING = 256;
const MAX_OF_TENANT = 192;

/** The total cost (`costOf`) of the queries that wait, which stay in memory. A single query may exceed it. */
const MAX_PENDING_COST = 32 * 2 ** 20;
const MAX_COST_OF_TENANT = 24 * 2 ** 20;

/** Most queries take milliseconds, so a refused client may retry soon. */
const RETRY_AFTER_MS = 1_000;

/** A query fails after this many workers have died while they ran it. */
const MAX_DEATHS = 2;

/** The gateway itself, for queries without an asker. */
const OWN_ASKER: Asker = { tenant: "local" };

export type QueryJob<Query> = {
  readonly query: Query;
  /** See `costOf`. */
  readonly cost: number;
  readonly asker: Asker | undefined;
  /** Whether an admitted generation waits for it. Such queries go before clients' own ones and don't count against their limits. */
  readonly isNeeded: boolean;
};

/** Sends queries to the current worker, a few at a time. Tenants take turns. */
export type QueryQueue<Query> = {
  /** Rejects with `OverloadedError`, `EngineCrashedError`, the asker's abort reason, or the error of sending the query. */
  ask(inquiry: QueryJob<Query>): Promise<QueryResult>;
  /** How many queries wait or are with the worker. */
  readonly pending: number;
  readonly submitted: number;
  workerReady(send: (id: number, query: Query) => void): void;
  /** Sends nothing more to this worker. It still finishes the queries that it has. */
  hold(): void;
  /** The worker of the last `workerReady` is gone. The next worker gets its queries again. */
  workerLost(): void;
  settle(id: number, result: QueryResult): void;
  failAll(error: Error): void;
};

type QueryQueueOptions = {
  /** How many queries a worker has at once. */
  readonly maxAtOnce: number;
  /** Called when the number of queries changes. */
  readonly onChange?: () => void;
};

type QueuedQuery<Query> = QueryJob<Query> & {
  readonly asker: Asker;
  /** Its place in the queue; undefined until it is queued. */
  turn: Entry<QueuedQuery<Query>> | undefined;
  readonly settled: PromiseWithResolvers<QueryResult>;
  deaths: number;
  /** Whether the caller has gone. */
  isOver: boolean;
};

export function createQueryQueue<Query>({ maxAtOnce, onChange }: QueryQueueOptions): QueryQueue<Query> {
  const needed = createFairQueue<QueuedQuery<Query>>();
  const wished = createFairQueue<QueuedQuery<Query>>();
  const submitted = new Map<number, QueuedQuery<Query>>();
  let lastId = 0;
  let send: ((id: number, query: Query) => void) | undefined;

  function queueOf({ isNeeded }: QueuedQuery<Query>) {
    return isNeeded ? needed : wished;
  }

  function admit(tenant: string, cost: number): void {
    const own = wished.of(tenant);
    const isFull = wished.size >= MAX_PENDING || (wished.size > 0 && wished.work + cost > MAX_PENDING_COST);
    const hasShare = own.entries < MAX_OF_TENANT && (own.entries === 0 || own.work + cost <= MAX_COST_OF_TENANT);
    if (isFull || !hasShare) {
      throw new OverloadedError(`The model already has ${wished.size} queries in progress.`, RETRY_AFTER_MS);
    }
  }

  function enter(entry: QueuedQuery<Query>): void {
    const { tenant, priority = "default" } = entry.asker;
    entry.turn = queueOf(entry).push({ tenant, priority }, entry, entry.cost);
  }

  function next(): QueuedQuery<Query> | undefined {
    return (needed.take() ?? wished.take())?.value;
  }

  function pump(): void {
    while (send !== undefined && submitted.size < maxAtOnce) {
      const entry = next();
      if (entry === undefined) break;
      const id = ++lastId;
      submitted.set(id, entry);
      try {
        send(id, entry.query);
      } catch (error) {
        // A query that can't be sent occupies no place.
        submitted.delete(id);
        entry.settled.reject(sendFailure(error));
      }
    }
    onChange?.();
  }

  return {
    async ask({ query, cost, asker = OWN_ASKER, isNeeded }) {
      const { tenant, signal } = asker;
      signal?.throwIfAborted();
      if (!isNeeded) admit(tenant, cost);
      const settled = Promise.withResolvers<QueryResult>();
      const entry: QueuedQuery<Query> = {
        ...{ query, asker, cost, isNeeded, settled, turn: undefined, deaths: 0, isOver: false },
      };
      const abort = () => {
        settled.reject(signal?.reason);
        // A query that a worker has runs to its end; its result is dropped.
        if (entry.turn !== undefined && queueOf(entry).remove(entry.turn)) onChange?.();
      };
      signal?.addEventListener("abort", abort, { once: true });
      enter(entry);
      pump();
      try {
        return await settled.promise;
      } finally {
        entry.isOver = true;
        signal?.removeEventListener("abort", abort);
      }
    },
    get pending() {
      return needed.size + wished.size + submitted.size;
    },
    get submitted() {
      return submitted.size;
    },
    workerReady(sendToWorker) {
      send = sendToWorker;
      pump();
    },
    hold() {
      send = undefined;
    },
    workerLost() {
      send = undefined;
      const asked = [...submitted.values()];
      submitted.clear();
      for (const entry of asked) {
        if (entry.isOver) continue;
        entry.deaths += 1;
        if (entry.deaths < MAX_DEATHS) enter(entry);
        else entry.settled.reject(new EngineCrashedError(entry.deaths));
      }
    },
    settle(id, result) {
      const entry = submitted.get(id);
      submitted.delete(id);
      entry?.settled.resolve(result);
      pump();
    },
    failAll(error) {
      send = undefined;
      for (let entry = next(); entry !== undefined; entry = next()) entry.settled.reject(error);
      for (const { settled } of submitted.values()) settled.reject(error);
      submitted.clear();
    },
  };
}
