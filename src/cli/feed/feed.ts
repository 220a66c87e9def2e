import { setTimeout } from "node:timers/promises";
import type { Flags } from "../../config/load.ts";
import type { Broker, Delivery, Outcome } from "../../items/broker.ts";
import { createOverloadBuffer } from "../../items/overload.ts";
import { type CliContext, EXIT } from "../context.ts";
import { CommandError } from "../errors.ts";
import { InterruptedError } from "../interrupts.ts";
import { streamPath } from "../pipe/flags.ts";
import { isObject, itemOf, type PipeItem } from "../pipe/items.ts";
import { answerAll } from "../pipe/session.ts";
import { reachGateway } from "../reach-gateway.ts";
import { checkPreset, watchForCommand } from "../run-preset.ts";
import { loadBroker } from "./broker-kinds.ts";
import { readFeedOptions } from "./options.ts";

/** How often it tells how it goes. */
const TELL_MS = 10_000;
/** The pause before a result is written again. */
const AGAIN_MS = 500;
/** How long is waited after Ctrl-C for the items in flight; the broker gives them to others if they take longer. */
const LEAVE_MS = 10_000;

const NO_OBJECT = 'With --json an item is a JSON object, such as {"input": "…"}, and this is none.';

type Counts = { taken: number; answered: number; failed: number; dropped: number };

/** `sluice feed`: runs until it is stopped. Throws a CommandError. */
export async function feedItems(flags: Flags, context: CliContext, leaveMs = LEAVE_MS): Promise<number> {
  const { env, stderr } = context;
  const options = readFeedOptions(flags, env);
  const interrupts = watchForCommand(context);
  const { signal } = interrupts;
  const counts: Counts = { taken: 0, answered: 0, failed: 0, dropped: 0 };
  const say = (message: string) => stderr.write(`feed: ${message}\n`);
  const telling = tellNowAndThen(counts, say);
  const leaving = new AbortController();
  let broker: Broker | undefined;
  try {
    await using gateway = await reachGateway(flags, context, signal);
    await checkPreset(gateway.client, options.preset);
    const open = await openBroker(options, say);
    broker = open;
    say(`takes items from ${options.from}`);
    const deliveries = new WeakMap<PipeItem, Delivery>();
    /** However long the broker is away: the item is held until then, and no more are taken than may wait. */
    async function settle(item: PipeItem, outcome: Outcome): Promise<void> {
      const delivery = deliveries.get(item);
      for (; delivery !== undefined; ) {
        try {
          await open.settle(delivery, outcome);
          return;
        } catch (error) {
          leaving.signal.throwIfAborted();
          say(`a result can't be written yet: ${error instanceof Error ? error.message : String(error)}`);
          await setTimeout(AGAIN_MS, undefined, { signal: leaving.signal });
        }
      }
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
    const refuse = async (item: PipeItem) => {
      await settle(item, { type: "failure", message: NO_OBJECT });
      counts.failed += 1;
    };
    const reading = take(open, { ...options, signal, counts, deliveries, push: buffer.push, refuse }).finally(
      buffer.end,
    );
    reading.catch(() => {});
    await answerAll(new Map(), {
      destination: gateway.client.destination(streamPath(options, "completion")),
      ...{ buffer, limit: options.inFlight, say, signal: leaving.signal },
      async onResult(item, result) {
        if (result.type === "answer") {
          await settle(item, { type: "answer", key: item.key, text: result.text });
          counts.answered += 1;
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
  readonly deliveries: WeakMap<PipeItem, Delivery>;
  readonly push: (item: PipeItem) => Promise<void>;
  /** Has an item that is none of the form that `--json` demands. */
  readonly refuse: (item: PipeItem) => Promise<void>;
  readonly json: boolean;
  readonly key: string | undefined;
};

async function take(broker: Broker, { signal, counts, deliveries, push, refuse, json, key }: Taking): Promise<void> {
  for await (const delivery of broker.read(signal)) {
    if (signal.aborted) return;
    counts.taken += 1;
    const item = itemOf(delivery.text, counts.taken, { json, key });
    deliveries.set(item, delivery);
    // What can't be written while this stops is delivered again.
    if (json && !isObject(delivery.text)) await refuse(item).catch(() => {});
    else await push(item);
  }
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

/** Tells how many were answered since the last time, and at the end how many in all. */
function tellNowAndThen(counts: Counts, say: (message: string) => void): { readonly end: () => void } {
  const words = ({ taken, answered, failed, dropped }: Counts) =>
    `${taken} items taken, ${answered} answered, ${failed} to the dead letters, ${dropped} dropped`;
  let told = words(counts);
  const timer = setInterval(() => {
    const now = words(counts);
    if (now !== told) say(now);
    told = now;
  }, TELL_MS).unref();
  return {
    end() {
      clearInterval(timer);
      say(words(counts));
    },
  };
}
