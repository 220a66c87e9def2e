import type { Clock } from "../../clock.ts";
import { InvalidSamplingError } from "../../generation/errors.ts";
import type { Asker, ModelText } from "../../generation/model.ts";
import type { Prompt, Tool } from "../../generation/request.ts";
import type { HostMessage, QueryResult, TextQuery, WorkerMessage } from "../contract/messages.ts";
import { rejectionError } from "./errors.ts";
import { createQueryQueue, type QueryJob } from "./query-queue.ts";
import { costOf, costOfPrompt } from "./text-cost.ts";
import type { Vocabulary } from "./vocabulary.ts";

/**
 * Queries up to this cost run in the engine's process, between two native calls: 8 ms at most on a slow core. All others run in a
 * separate process.
 */
const MAX_SHORT_COST = 8_192;

/**
 * How much work the engine's process does for clients' own queries: about 2 % of one core. Its threads use every core, so other work
 * in that process slows down each step. Beyond this rate, queries run in the separate process, which has a lower priority.
 */
const SHORT_COST_PER_SECOND = 16_384;
const MAX_SHORT_BURST = 65_536;

/** The fixed cost of a query: sending it and its result. */
const MIN_COST = 256;

/** How many short queries an engine has at once. The others wait here, where tenants take turns. */
const SHORT_AT_ONCE = 2;

/** Queries above this cost are refused: one would occupy a core for seconds while all other queries wait. */
const MAX_COST = 6 * 2 ** 20;

/** The tokens of a generation's prompt. */
type ReadPrompt = {
  readonly tokens: readonly number[];
  /** Stop strings of the chat template, besides the request's own. */
  readonly stop: readonly string[];
};

/** Sends queries about text to the process that runs them. */
type TextQueries = {
  /** The queries that a backend offers. */
  readonly text: ModelText;
  /**
   * The tokens of a prompt that is too long to be tokenized in the engine's process. Undefined for a short prompt, which the engine
   * tokenizes itself. Rejects with the errors of a generation.
   */
  readLong(prompt: Prompt, tools: readonly Tool[], asker: Asker): Promise<ReadPrompt> | undefined;
  /** How many queries the engine's worker has. */
  readonly submitted: number;
  /** How many queries the engine's worker has, and how many wait for it. */
  readonly pending: number;
  workerReady(send: (message: HostMessage) => void): void;
  /** Sends nothing more to this worker. It still finishes the queries that it has. */
  hold(): void;
  /** The worker of the last `workerReady` is gone. The next worker gets its queries again. */
  workerLost(): void;
  handle(message: Extract<WorkerMessage, { type: "result" }>): void;
  failAll(error: Error): void;
};

type TextQueriesOptions = {
  readonly clock: Clock;
  /** Starts a worker unless one is running or starting. Throws if none can be started now. */
  readonly demand: () => void;
  /** Resolves when the size of the model's context is known. */
  readonly known: () => Promise<unknown>;
  /** Called when the number of queries for the engine's worker changes. */
  readonly onChange: () => void;
  /**
   * `needed` serves generations, `wished` serves clients' own queries. Two processes, because a client's query may take seconds and
   * can't be interrupted.
   */
  readonly vocabularies: Readonly<Record<"needed" | "wished", Pick<Vocabulary, "ask">>>;
};

export function createTextQueries({ demand, known, onChange, vocabularies, clock }: TextQueriesOptions): TextQueries {
  const bucket = createTokenBucket({ clock, perSecond: SHORT_COST_PER_SECOND, capacity: MAX_SHORT_BURST });
  const short = createQueryQueue<TextQuery>({ maxAtOnce: SHORT_AT_ONCE, onChange });

  async function ask<T extends QueryResult["type"]>(
    query: TextQuery,
    expected: T,
    asker: Asker | undefined,
    isNeeded = false,
  ): Promise<ResultOf<T>> {
    demand();
    const cost = costOf(query);
    if (!isNeeded && cost > MAX_COST) throw tooExpensive(query, cost);
    const result = await run({ query, cost: Math.max(MIN_COST, cost), asker, isNeeded });
    if (result.type === "rejected") throw rejectionError(result.rejection);
    if (!hasType(result, expected)) throw new Error(`the worker returned, for ${query.type}, ${result.type}`);
    return result;
  }

  async function run(job: QueryJob<TextQuery>): Promise<QueryResult> {
    const { query } = job;
    if (query.type === "price" || isShort(job)) return short.ask(job);
    await known();
    demand();
    return vocabularies[job.isNeeded ? "needed" : "wished"].ask({ ...job, query });
  }

  /** Whether the query runs in the engine's process. Queries for generations need no rate limit: the number of generations bounds them. */
  function isShort({ cost, asker, isNeeded }: QueryJob<TextQuery>): boolean {
    if (cost > MAX_SHORT_COST) return false;
    return isNeeded || asker === undefined || bucket.take(cost);
  }

  async function read(prompt: Prompt, tools: readonly Tool[], asker: Asker | undefined): Promise<ReadPrompt> {
    const { tokens, stop } = await ask({ type: "read", prompt, tools }, "prompt", asker, true);
    return { tokens: Array.from(tokens), stop };
  }

  function isLong(prompt: Prompt, tools: readonly Tool[]): boolean {
    return prompt.type !== "tokens" && costOfPrompt(prompt, tools) > MAX_SHORT_COST;
  }

  return {
    text: {
      async tokenize(text, options, asker) {
        return Array.from((await ask({ type: "tokenize", text, ...options }, "tokens", asker)).tokens);
      },
      detokenize: async (tokens, asker) => (await ask({ type: "detokenize", tokens }, "text", asker)).text,
      spell: async (tokens, asker) => (await ask({ type: "spell", tokens }, "pieces", asker)).pieces,
      applyTemplate: async (prompt, tools = [], asker) =>
        (await ask({ type: "applyTemplate", prompt, tools }, "text", asker)).text,
      countTokens: async (prompt, tools = [], asker) =>
        (await ask({ type: "countTokens", prompt, tools }, "count", asker)).count,
      async price(prompt, tools = [], asker) {
        const known = isLong(prompt, tools)
          ? ({ prompt: { type: "tokens", tokens: (await read(prompt, tools, asker)).tokens }, tools: [] } as const)
          : { prompt, tools };
        const { promptTokens, cachedTokens } = await ask({ type: "price", ...known }, "price", asker, true);
        return { promptTokens, cachedTokens };
      },
    },
    readLong: (prompt, tools, asker) => (isLong(prompt, tools) ? read(prompt, tools, asker) : undefined),
    get submitted() {
      return short.submitted;
    },
    get pending() {
      return short.pending;
    },
    hold: short.hold,
    workerReady: (send) => short.workerReady((id, query) => send({ type: "query", id, query })),
    workerLost: short.workerLost,
    handle: ({ id, result }) => short.settle(id, result),
    failAll: short.failAll,
  };
}

function tooExpensive(query: TextQuery, cost: number): InvalidSamplingError {
  const field = query.type === "detokenize" || query.type === "spell" ? "tokens" : "prompt";
  return new InvalidSamplingError(
    field,
    `This is as much work as a text of ${cost} characters, and ${MAX_COST} can be read at once. Ask for a part of it at a time.`,
  );
}

type ResultOf<T extends QueryResult["type"]> = Extract<QueryResult, { type: T }>;

function hasType<T extends QueryResult["type"]>(result: QueryResult, type: T): result is ResultOf<T> {
  return result.type === type;
}

type TokenBucketOptions = {
  readonly clock: Pick<Clock, "now">;
  readonly perSecond: number;
  readonly capacity: number;
};

/** A token bucket, full at the start. `take` returns false, and takes nothing, if less than `cost` is left. */
export function createTokenBucket({ clock, perSecond, capacity }: TokenBucketOptions) {
  let left = capacity;
  let at = clock.now();
  return {
    take(cost: number): boolean {
      const now = clock.now();
      left = Math.min(capacity, left + ((now - at) / 1000) * perSecond);
      at = now;
      if (cost > left) return false;
      left -= cost;
      return true;
    },
  };
}
