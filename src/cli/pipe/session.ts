import { setTimeout } from "node:timers/promises";
import { CommandError, NoGatewayError } from "../errors.ts";
import { type PipeAnswer, readAnswer } from "./answers.ts";
import { CutOffError, type Destination, exchangeLines } from "./exchange.ts";
import type { PipeItem } from "./items.ts";

export type SessionOptions = {
  readonly destination: Destination;
  /** The next item; undefined after the last. */
  readonly take: () => Promise<PipeItem | undefined>;
  /** The line that is sent for an item. */
  readonly lineOf: (item: PipeItem) => string;
  /** How many items may have been sent and have no answer. The others wait where they are taken from, and not in the connection. */
  readonly limit: number;
  /** Called for each item's answer or failure, once. */
  readonly onResult: (item: PipeItem, result: Exclude<PipeAnswer, { type: "end" }>) => Promise<void>;
  /** Tells the user something. */
  readonly say: (message: string) => void;
  /** Ends all at once. */
  readonly signal: AbortSignal;
  readonly pauseMs?: number;
};

/** How long is waited for a gateway that went away, from one try to the next. */
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 10_000;
/** After so many tries without any answer it is given up: some five minutes. */
const MAX_TRIES = 35;

/**
 * Sends items and takes their answers (`unanswered` is what has none yet, oldest first), over as many connections as it takes: what has no answer when one breaks is sent again, first.
 * Throws a CommandError if the gateway refuses, or is away for too long.
 */
export async function answerAll(unanswered: Map<number, PipeItem>, options: SessionOptions): Promise<void> {
  const { destination, take, lineOf, limit, onResult, say, signal, pauseMs = FIRST_PAUSE_MS } = options;
  /** An item that was taken when a connection had ended: the next one has it. */
  let pending: Promise<PipeItem | undefined> | undefined;
  let room = Promise.withResolvers<void>();

  function makeRoom(): void {
    room.resolve();
    room = Promise.withResolvers();
  }

  async function* lines(isOver: () => boolean): AsyncGenerator<string> {
    for (const item of [...unanswered.values()]) yield lineOf(item);
    for (;;) {
      while (unanswered.size >= limit && !isOver()) await room.promise;
      if (isOver()) return;
      pending ??= take();
      const item = await pending;
      // Another connection sends it.
      if (isOver()) return;
      pending = undefined;
      if (item === undefined) {
        pending = Promise.resolve(undefined);
        return;
      }
      unanswered.set(item.number, item);
      yield lineOf(item);
    }
  }

  for (let tries = 0; ; ) {
    let isOver = false;
    try {
      for await (const line of exchangeLines(
        destination,
        lines(() => isOver),
        signal,
      )) {
        const answer = readAnswer(line);
        if (answer === undefined) throw new CommandError(`The gateway sent what is no result: ${line.slice(0, 200)}`);
        if (answer.type === "end") {
          if (answer.reason === "input_ended" && unanswered.size === 0) return;
          if (answer.reason === "stopping") throw new CutOffError("it stops");
          break;
        }
        const item = unanswered.get(answer.number);
        // Answered before, on a connection that broke.
        if (item === undefined) continue;
        tries = 0;
        await onResult(item, answer);
        unanswered.delete(answer.number);
        makeRoom();
      }
    } catch (error) {
      if (!(error instanceof CutOffError)) throw error;
      if (tries >= MAX_TRIES) {
        throw new NoGatewayError(`The gateway at ${destination.url} stays away (${error.message}).`, { cause: error });
      }
      if (tries === 0)
        say(`the gateway is away (${error.message}): ${unanswered.size} items are sent again when it is back`);
    } finally {
      isOver = true;
      makeRoom();
    }
    await setTimeout(Math.min(MAX_PAUSE_MS, pauseMs * 2 ** tries), undefined, { signal });
    tries += 1;
  }
}
