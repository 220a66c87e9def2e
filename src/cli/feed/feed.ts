import { setTimeout } from "node:timers/promises";
import type { Flags } from "../../config/load.ts";
import type { Broker, Delivery, Outcome } from "../../items/broker.ts";
import { orAborted } from "../../items/or-aborted.ts";
import { createOverloadBuffer } from "../../items/overload.ts";
import { type CliContext, EXIT } from "../context.ts";
import { CommandError } from "../errors.ts";
import { InterruptedError } from "../interrupts.ts";
import { spilledWords } from "../pipe/answers.ts";
import { isObject, itemOf, MAX_ITEM_LENGTH, type PipeItem, TOO_LONG } from "../pipe/items.ts";
import { answerByTargets, checkTargets } from "../pipe/targets.ts";
import { reachGateway } from "../reach-gateway.ts";
import { watchForCommand } from "../run-preset.ts";
import { loadBroker } from "./broker-kinds.ts";
import { readFeedOptions } from "./options.ts";

/** The pause before a result is written again. */
const AGAIN_MS = 500;
/** How many that were dropped may wait for the broker to take them. */
const DROPPED_AT_ONCE = 256;

/** The times of a feed. */
type FeedTimes = {
  /** How long is waited after Ctrl-C for the items in flight; the broker gives them to others if they take longer. */
  readonly leaveMs: number;
  /** How often it tells how it goes. */
  readonly tellMs: number;
};

const TIMES: FeedTimes = { leaveMs: 10_000, tellMs: 10_000 };

const NO_OBJECT = 'With --json an item is a JSON object, such as {"input": "…"}, and this is none.';

type Counts = { taken: number; answered: number; spilled: number; failed: number; dropped: number };

/** The items that were taken and are not settled, which are all that is in memory. */
type InHand = {
  readonly add: () => void;
  readonly remove: () => void;
  /** Whether there are as many as there may be. */
  readonly isFull: () => boolean;
  /** Resolves when the next one is settled. */
  readonly settled: () => Promise<void>;
  readonly words: () => string;
};

/** `sluice feed`: runs until it is stopped. Throws a CommandError. */
export async function feedItems(flags: Flags, context: CliContext, { leaveMs, tellMs } = TIMES): Promise<number> {
  const { env, stderr } = context;
  const options = readFeedOptions(flags, env);
  const interrupts = watchForCommand(context);
  const { signal } = interrupts;
  const counts: Counts = { taken: 0, answered: 0, spilled: 0, failed: 0, dropped: 0 };
  const say = (message: string) => stderr.write(`feed: ${message}\n`);
  const targets = options.spill === undefined ? 1 : 2;
  const inHand = createInHand(targets * (options.buffer + options.inFlight) + DROPPED_AT_ONCE);
  const telling = tellNowAndThen(() => words(counts, options.spill) + inHand.words(), say, tellMs);
  const leaving = new AbortController();
  let broker: Broker | undefined;
  try {
    await using gateway = await reachGateway(flags, context, signal);
    await checkTargets(gateway.client, options);
    const open = await openBroker(options, say);
    broker = open;
    say(`takes items from ${options.from}`);
    const deliveries = new WeakMap<PipeItem, Delivery>();
    /** However long the broker is away: the item is held until then, and no more are taken than may wait. */
    async function settle(item: PipeItem, outcome: Outcome): Promise<Outcome> {
      const delivery = deliveries.get(item);
      for (; delivery !== undefined; ) {
        try {
          const written = await open.settle(delivery, outcome);
          inHand.remove();
          return written;
        } catch (error) {
          leaving.signal.throwIfAborted();
          say(`a result can't be written yet: ${error instanceof Error ? error.message : String(error)}`);
          await setTimeout(AGAIN_MS, undefined, { signal: leaving.signal });
        }
      }
      return outcome;
    }
    const buffer = createOverloadBuffer<PipeItem>({
      ...{ limit: options.buffer, policy: options.overload, keyOf: ({ key }) => key },
      onDrop(item) {
        counts.dropped += 1;
        settle(item, { type: "dropped" }).catch(() => {});
      },
    });
    signal.addEventListener("abort", () => {
      // The broker gives them to others.
      buffer.clear();
      say("stopped: waiting for the items in flight");
      void setTimeout(leaveMs, undefined, { ref: false }).then(() => leaving.abort(signal.reason));
    });
    const refuse = async (item: PipeItem, message: string) => {
      await settle(item, { type: "failure", message });
      counts.failed += 1;
    };
    const reading = take(open, { ...options, signal, counts, inHand, deliveries, push: buffer.push, refuse }).finally(
      buffer.end,
    );
    reading.catch(() => {});
    await answerByTargets({
      ...{ client: gateway.client, buffer, options, order: "completion", say, signal: leaving.signal },
      async onResult(item, result, target) {
        if (result.type === "answer") {
          const written = await settle(item, { type: "answer", key: item.key, text: result.text, target });
          if (written.type !== "answer") {
            counts.failed += 1;
            return;
          }
          counts.answered += 1;
          if (target !== undefined) counts.spilled += 1;
        } else {
          await settle(item, { type: "failure", message: result.message });
          counts.failed += 1;
        }
      },
    });
    await reading;
    signal.throwIfAborted();
    return EXIT.done;
  } catch (error) {
    if (error instanceof InterruptedError || !signal.aborted) throw error;
    throw signal.reason;
  } finally {
    telling.end();
    await broker?.close();
    interrupts.dispose();
  }
}

type Taking = {
  readonly signal: AbortSignal;
  readonly counts: Counts;
  readonly inHand: InHand;
  readonly deliveries: WeakMap<PipeItem, Delivery>;
  readonly push: (item: PipeItem) => Promise<void>;
  /** Has an item that can't be sent, and says why. */
  readonly refuse: (item: PipeItem, message: string) => Promise<void>;
  readonly json: boolean;
  readonly key: string | undefined;
};

async function take(
  broker: Broker,
  { signal, counts, inHand, deliveries, push, refuse, json, key }: Taking,
): Promise<void> {
  for await (const delivery of broker.read(signal)) {
    if (signal.aborted) return;
    counts.taken += 1;
    inHand.add();
    const { text } = delivery;
    const fault = text.length > MAX_ITEM_LENGTH ? TOO_LONG : json && !isObject(text) ? NO_OBJECT : undefined;
    const item = itemOf(fault === undefined ? text : "", counts.taken, { json, key });
    deliveries.set(item, delivery);
    // What can't be written while this stops is delivered again.
    if (fault !== undefined) await refuse(item, fault).catch(() => {});
    else await push(item);
    while (inHand.isFull() && !signal.aborted) await orAborted(inHand.settled(), signal);
  }
}

/** @param most how many there may be before no more are taken */
function createInHand(most: number): InHand {
  let now = 0;
  let peak = 0;
  let settled = Promise.withResolvers<void>();
  return {
    add() {
      now += 1;
      peak = Math.max(peak, now);
    },
    remove() {
      now -= 1;
      settled.resolve();
      settled = Promise.withResolvers();
    },
    isFull: () => now >= most,
    settled: () => settled.promise,
    words: () => `, ${now} in hand (${peak} at most)`,
  };
}

async function openBroker(
  options: ReturnType<typeof readFeedOptions>,
  say: (message: string) => void,
): Promise<Broker> {
  const { tries: maxTries, claimAfter: claimAfterMs, overload, inFlight, buffer } = options;
  // What may be dropped is fetched as it comes.
  const ahead = overload === "wait" ? inFlight : inFlight + buffer;
  const open = await loadBroker(options.kind);
  try {
    return await open({ ...options, maxTries, claimAfterMs, ahead, say });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`The broker can't be had: ${reason}`, { cause: error });
  }
}

/** Tells how it goes now and then, and at the end. */
function tellNowAndThen(
  words: () => string,
  say: (message: string) => void,
  everyMs: number,
): { readonly end: () => void } {
  let told = words();
  const timer = setInterval(() => {
    const now = words();
    if (now !== told) say(now);
    told = now;
  }, everyMs).unref();
  return {
    end() {
      clearInterval(timer);
      say(words());
    },
  };
}

function words({ taken, answered, spilled, failed, dropped }: Counts, target: string | undefined): string {
  const answers = `${answered} answered${spilledWords(spilled, target)}`;
  return `${taken} items taken, ${answers}, ${failed} to the dead letters, ${dropped} dropped`;
}
