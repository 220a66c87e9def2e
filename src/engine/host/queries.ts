import type { Clock } from "../../clock.ts";
import { InvalidSamplingError } from "../../generation/errors.ts";
import type { Asker, ModelText } from "../../generation/model.ts";
import type { Prompt, Tool } from "../../generation/request.ts";
import type { HostMessage, TextAnswer, TextQuery, WorkerMessage } from "../contract/messages.ts";
import { createAllowance } from "./allowance.ts";
import { rejectionError } from "./errors.ts";
import { createQuestions, type Inquiry } from "./questions.ts";
import { costOf, costOfPrompt } from "./text-cost.ts";
import type { Vocabulary } from "./vocabulary.ts";

/**
 * What costs no more is answered in the engine's process, between two native calls: in 8 ms at most on a slow core. Everything else has a
 * process of its own.
 */
const MAX_SHORT_COST = 8_192;

/**
 * What the engine's process does of clients' questions in a second: about 2 % of one core. Its own threads have a core each, so whatever else runs
 * there makes every step take longer; more than this is better done where it gives way.
 */
const SHORT_COST_PER_SECOND = 16_384;
const MOST_SHORT_COST = 65_536;

/** What asking and answering take, however little there is to do. */
const LEAST_COST = 256;

/** How many of the short ones an engine has at once, so that what waits does so here, in fair turns. */
const SHORT_AT_ONCE = 2;

/** A question that costs more is refused: it would take one core for some seconds, and everybody's questions would wait. */
const MAX_COST = 6 * 2 ** 20;

/** What a prompt became that is to be gone on from. */
export type ReadPrompt = {
  readonly tokens: readonly number[];
  /** What ends an answer besides what the request asks for. */
  readonly stop: readonly string[];
};

/** Brings questions about text to whoever answers them. */
type Queries = {
  /** What the engine offers to whoever asks. */
  readonly text: ModelText;
  /**
   * The tokens of a prompt that is too long to be read in the engine's process; undefined where it is short, and the engine reads it itself. Rejects
   * like a generation that goes on from it.
   */
  readLong(prompt: Prompt, tools: readonly Tool[], asker: Asker): Promise<ReadPrompt> | undefined;
  /** Of the engine's worker: how many questions it has, and how many there are with those that wait for it. */
  readonly submitted: number;
  readonly pending: number;
  workerReady(send: (message: HostMessage) => void): void;
  /** Nothing more is to go to this worker; what it has it answers. */
  hold(): void;
  /** The worker of the last `workerReady` is gone; what it was asked is asked again of the next. */
  workerLost(): void;
  handle(message: Extract<WorkerMessage, { type: "answer" }>): void;
  /** Ends every question of the engine's worker with `error`. */
  failAll(error: Error): void;
};

type QueriesOptions = {
  readonly clock: Clock;
  /** Sees to it that a worker is there or on its way, or throws. */
  readonly demand: () => void;
  /** Resolves when it is known how large the model's context is. */
  readonly known: () => Promise<unknown>;
  /** A question has come to the engine's worker, or one has gone. */
  readonly onChange: () => void;
  /** One for what generations need, and one for what clients ask for its own sake: that may take seconds, and can't be interrupted. */
  readonly vocabularies: Readonly<Record<"needed" | "wished", Pick<Vocabulary, "ask">>>;
};

export function createQueries({ demand, known, onChange, vocabularies, clock }: QueriesOptions): Queries {
  const allowance = createAllowance({ clock, perSecond: SHORT_COST_PER_SECOND, most: MOST_SHORT_COST });
  const short = createQuestions<TextQuery>({ maxAtOnce: SHORT_AT_ONCE, onChange });

  async function ask<T extends TextAnswer["type"]>(
    query: TextQuery,
    expected: T,
    asker: Asker | undefined,
    isNeeded = false,
  ): Promise<AnswerOf<T>> {
    demand();
    const cost = costOf(query);
    if (!isNeeded && cost > MAX_COST) throw tooDear(query, cost);
    const answer = await answerOf({ query, cost: Math.max(LEAST_COST, cost), asker, isNeeded });
    if (answer.type === "rejected") throw rejectionError(answer.rejection);
    if (!isOf(answer, expected)) throw new Error(`the worker answered ${query.type} with ${answer.type}`);
    return answer;
  }

  async function answerOf(inquiry: Inquiry<TextQuery>): Promise<TextAnswer> {
    const { query } = inquiry;
    if (query.type === "price" || isShort(inquiry)) return short.ask(inquiry);
    await known();
    demand();
    return vocabularies[inquiry.isNeeded ? "needed" : "wished"].ask({ ...inquiry, query });
  }

  /** Whether the engine's own process is to answer. What the gateway needs for a generation is bounded by the generations. */
  function isShort({ cost, asker, isNeeded }: Inquiry<TextQuery>): boolean {
    if (cost > MAX_SHORT_COST) return false;
    return isNeeded || asker === undefined || allowance.spend(cost);
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
    handle: ({ id, answer }) => short.answer(id, answer),
    failAll: short.failAll,
  };
}

function tooDear(query: TextQuery, cost: number): InvalidSamplingError {
  const field = query.type === "detokenize" || query.type === "spell" ? "tokens" : "prompt";
  return new InvalidSamplingError(
    field,
    `This is as much work as a text of ${cost} characters, and ${MAX_COST} can be read at once. Ask for a part of it at a time.`,
  );
}

type AnswerOf<T extends TextAnswer["type"]> = Extract<TextAnswer, { type: T }>;

function isOf<T extends TextAnswer["type"]>(answer: TextAnswer, type: T): answer is AnswerOf<T> {
  return answer.type === type;
}
