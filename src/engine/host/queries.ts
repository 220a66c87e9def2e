import { EngineCrashedError, OverloadedError } from "../../generation/errors.ts";
import type { ModelText } from "../../generation/model.ts";
import type { HostMessage, TextAnswer, TextQuery, WorkerMessage } from "../messages.ts";
import { sendFailure } from "./errors.ts";
import { rejectionError } from "./rejection.ts";

/** Questions about text that may wait for an answer at once. */
const MAX_PENDING = 256;

/** A worker answers between two native calls, so a question that is refused may soon be asked again. */
const RETRY_AFTER_MS = 1_000;

/** A question under which so many workers died is given up. */
const MAX_DEATHS = 2;

/** Brings questions about text to whichever worker lives. */
export type Queries = {
  /** What the engine offers to whoever asks. */
  readonly text: ModelText;
  /** How many questions a worker has. */
  readonly submitted: number;
  workerReady(send: (message: HostMessage) => void): void;
  /** The worker of the last `workerReady` is gone; what it was asked is asked again of the next. */
  workerLost(): void;
  handle(message: Extract<WorkerMessage, { type: "answer" }>): void;
  /** Ends every question with `error`. */
  failAll(error: Error): void;
};

type Question = {
  readonly query: TextQuery;
  readonly answered: PromiseWithResolvers<TextAnswer>;
  deaths: number;
};

/** @param unavailable why nothing can be asked any more; undefined while a worker is there or on its way */
export function createQueries(unavailable: () => Error | undefined): Queries {
  const pending = new Map<number, Question>();
  let lastId = 0;
  let send: ((message: HostMessage) => void) | undefined;

  async function ask<T extends TextAnswer["type"]>(query: TextQuery, expected: T): Promise<AnswerOf<T>> {
    const gone = unavailable();
    if (gone !== undefined) throw gone;
    if (pending.size >= MAX_PENDING)
      throw new OverloadedError(`The model already has ${pending.size} questions in hand.`, RETRY_AFTER_MS);
    const question: Question = { query, answered: Promise.withResolvers<TextAnswer>(), deaths: 0 };
    const id = ++lastId;
    pending.set(id, question);
    submit(id, question);
    const answer = await question.answered.promise;
    if (answer.type === "rejected") throw rejectionError(answer.rejection);
    if (!isOf(answer, expected)) throw new Error(`the worker answered ${query.type} with ${answer.type}`);
    return answer;
  }

  /** One that can't be sent is answered with that, and takes nobody's place. */
  function submit(id: number, { query, answered }: Question): void {
    try {
      send?.({ type: "query", id, query });
    } catch (error) {
      pending.delete(id);
      answered.reject(sendFailure(error));
    }
  }

  return {
    text: {
      tokenize: async (text, options) => (await ask({ type: "tokenize", text, ...options }, "tokens")).tokens,
      detokenize: async (tokens) => (await ask({ type: "detokenize", tokens }, "text")).text,
      spell: async (tokens) => (await ask({ type: "spell", tokens }, "pieces")).pieces,
      applyTemplate: async (prompt, tools = []) => (await ask({ type: "applyTemplate", prompt, tools }, "text")).text,
      countTokens: async (prompt, tools = []) => (await ask({ type: "countTokens", prompt, tools }, "count")).count,
      async price(prompt, tools = []) {
        const { promptTokens, cachedTokens } = await ask({ type: "price", prompt, tools }, "price");
        return { promptTokens, cachedTokens };
      },
    },
    get submitted() {
      return send === undefined ? 0 : pending.size;
    },
    workerReady(sendToWorker) {
      send = sendToWorker;
      for (const [id, question] of [...pending]) submit(id, question);
    },
    workerLost() {
      send = undefined;
      for (const [id, question] of pending) {
        question.deaths += 1;
        if (question.deaths < MAX_DEATHS) continue;
        pending.delete(id);
        question.answered.reject(new EngineCrashedError(question.deaths));
      }
    },
    handle({ id, answer }) {
      const question = pending.get(id);
      pending.delete(id);
      question?.answered.resolve(answer);
    },
    failAll(error) {
      send = undefined;
      for (const { answered } of pending.values()) answered.reject(error);
      pending.clear();
    },
  };
}

type AnswerOf<T extends TextAnswer["type"]> = Extract<TextAnswer, { type: T }>;

function isOf<T extends TextAnswer["type"]>(answer: TextAnswer, type: T): answer is AnswerOf<T> {
  return answer.type === type;
}
