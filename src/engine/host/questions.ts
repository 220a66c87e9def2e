import { createFairQueue, type Turn } from "../../fairness/fair-queue.ts";
import { EngineCrashedError, OverloadedError } from "../../generation/errors.ts";
import type { Asker } from "../../generation/model.ts";
import type { TextAnswer } from "../contract/messages.ts";
import { sendFailure } from "./errors.ts";

/** Questions about text that wait for an answer at once, and how many of them may be one tenant's. */
const MAX_PENDING = 256;
const MAX_OF_TENANT = 192;

/** What they cost together at most, as `costOf` has it: they are kept in memory. One alone is taken in any case. */
const MAX_PENDING_COST = 32 * 2 ** 20;
const MAX_COST_OF_TENANT = 24 * 2 ** 20;

/** A question that is refused may soon be asked again: most take milliseconds. */
const RETRY_AFTER_MS = 1_000;

/** A question under which so many workers died is given up. */
const MAX_DEATHS = 2;

/** Whoever asks without a name is part of the gateway. */
const OWN_ASKER: Asker = { tenant: "local" };

/** What is asked, and on what terms. */
export type Inquiry<Query> = {
  readonly query: Query;
  /** As `costOf` has it. */
  readonly cost: number;
  readonly asker: Asker | undefined;
  /** A generation waits for it, which was let in: it goes before those that clients ask for their own sake, and takes none of their places. */
  readonly isNeeded: boolean;
};

/** Brings questions to whichever worker lives, a few at a time, in turns that are fair between tenants. */
export type Questions<Query> = {
  /** Rejects with `OverloadedError`, `EngineCrashedError`, the asker's abort reason, or what kept the question from the worker. */
  ask(inquiry: Inquiry<Query>): Promise<TextAnswer>;
  /** How many wait or are with the worker. */
  readonly pending: number;
  /** How many the worker has. */
  readonly submitted: number;
  workerReady(send: (id: number, query: Query) => void): void;
  /** Nothing more is to go to this worker; what it has it answers. */
  hold(): void;
  /** The worker of the last `workerReady` is gone; what it was asked is asked again of the next. */
  workerLost(): void;
  answer(id: number, answer: TextAnswer): void;
  /** Ends every question with `error`. */
  failAll(error: Error): void;
};

type QuestionsOptions = {
  /** How many a worker has at once. */
  readonly maxAtOnce: number;
  /** One has come, or one has gone. */
  readonly onChange?: () => void;
};

type Question<Query> = {
  readonly query: Query;
  readonly asker: Asker;
  readonly cost: number;
  readonly isNeeded: boolean;
  /** In its line, while it waits. */
  turn: Turn<Question<Query>> | undefined;
  readonly answered: PromiseWithResolvers<TextAnswer>;
  deaths: number;
  /** Nobody wants the answer any more. */
  isOver: boolean;
};

export function createQuestions<Query>({ maxAtOnce, onChange }: QuestionsOptions): Questions<Query> {
  const needed = createFairQueue<Question<Query>>();
  const wished = createFairQueue<Question<Query>>();
  const submitted = new Map<number, Question<Query>>();
  let lastId = 0;
  let send: ((id: number, query: Query) => void) | undefined;

  function lineOf({ isNeeded }: Question<Query>) {
    return isNeeded ? needed : wished;
  }

  function admit(tenant: string, cost: number): void {
    const own = wished.of(tenant);
    const isFull = wished.size >= MAX_PENDING || (wished.size > 0 && wished.work + cost > MAX_PENDING_COST);
    const hasShare = own.entries < MAX_OF_TENANT && (own.entries === 0 || own.work + cost <= MAX_COST_OF_TENANT);
    if (isFull || !hasShare) {
      throw new OverloadedError(`The model already has ${wished.size} questions in hand.`, RETRY_AFTER_MS);
    }
  }

  function enter(question: Question<Query>): void {
    const { tenant, priority = "default" } = question.asker;
    question.turn = lineOf(question).push({ tenant, priority }, question, question.cost);
  }

  function next(): Question<Query> | undefined {
    return (needed.take() ?? wished.take())?.entry.value;
  }

  function pump(): void {
    while (send !== undefined && submitted.size < maxAtOnce) {
      const question = next();
      if (question === undefined) break;
      const id = ++lastId;
      submitted.set(id, question);
      try {
        send(id, question.query);
      } catch (error) {
        // It takes nobody's place.
        submitted.delete(id);
        question.answered.reject(sendFailure(error));
      }
    }
    onChange?.();
  }

  return {
    async ask({ query, cost, asker = OWN_ASKER, isNeeded }) {
      const { tenant, signal } = asker;
      signal?.throwIfAborted();
      if (!isNeeded) admit(tenant, cost);
      const answered = Promise.withResolvers<TextAnswer>();
      const question: Question<Query> = {
        ...{ query, asker, cost, isNeeded, answered, turn: undefined, deaths: 0, isOver: false },
      };
      const abort = () => {
        answered.reject(signal?.reason);
        // One that a worker has is answered there, for nobody.
        if (question.turn !== undefined && lineOf(question).remove(question.turn)) onChange?.();
      };
      signal?.addEventListener("abort", abort, { once: true });
      enter(question);
      pump();
      try {
        return await answered.promise;
      } finally {
        question.isOver = true;
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
      for (const question of asked) {
        if (question.isOver) continue;
        question.deaths += 1;
        if (question.deaths < MAX_DEATHS) enter(question);
        else question.answered.reject(new EngineCrashedError(question.deaths));
      }
    },
    answer(id, answer) {
      const question = submitted.get(id);
      submitted.delete(id);
      question?.answered.resolve(answer);
      pump();
    },
    failAll(error) {
      send = undefined;
      for (let question = next(); question !== undefined; question = next()) question.answered.reject(error);
      for (const { answered } of submitted.values()) answered.reject(error);
      submitted.clear();
    },
  };
}
