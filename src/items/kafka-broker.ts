import { setTimeout } from "node:timers/promises";
import type { Consumer, GroupAssignment, Message } from "@platformatic/kafka";
import { type Broker, type BrokerOptions, type Delivery, type Outcome, TooLargeError, writeOutcome } from "./broker.ts";
import { createOffsets, type Offsets } from "./offsets.ts";
import { orAborted } from "./or-aborted.ts";

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 5_000;
/** How often a commit that failed is tried again. */
const COMMIT_MS = 1_000;
/** How long is waited at the end for the broker to hear of it. */
const LEAVE_MS = 2_000;
/** No broker takes a shorter one by default. */
const LEAST_SESSION_MS = 6_000;
const HEARTBEAT_MS = 2_000;
/** How many items may be done, or being done, and not committed. One that takes long holds up the commit of all behind it. */
const MAX_UNCOMMITTED = 10_000;
const MAX_FETCH_BYTES = 4 * 1024 * 1024;
/** What Kafka calls a message, and one of a batch, that is larger than it takes. Only this tells its limit. */
const TOO_LARGE = ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"];
/** The header with an item's id, in the source and in the results. */
const ID_HEADER = "id";

/** An item's place. */
type Place = { readonly offsets: Offsets; readonly offset: bigint; readonly key: Buffer | undefined };

/** Kafka: a consumer of a group. Committed is only up to where all items have their results, since Kafka has no acknowledgement of one. */
export async function openKafkaBroker(options: BrokerOptions): Promise<Broker> {
  const { url, from, to, dead, group, consumer: clientId, claimAfterMs, ahead, say } = options;
  const { Consumer, Producer } = await import("@platformatic/kafka");
  const base = { ...serverOf(url), clientId };
  const producer = new Producer<Buffer | undefined, string, string, string>({
    ...base,
    serializers: {
      key: (key) => key,
      value: (text) => (text === undefined ? undefined : Buffer.from(text)),
      headerKey: (name) => Buffer.from(name ?? ""),
      headerValue: (text) => Buffer.from(text ?? ""),
    },
    acks: -1,
  });
  /** Those that were delivered and are not settled. */
  const held = new Map<Delivery, Place>();
  /** By partition, as long as it is ours. */
  const partitions = new Map<
    number,
    { readonly offsets: Offsets; committed: bigint | undefined; leaderEpoch: number }
  >();
  let active: Consumer | undefined;
  let isAway = false;
  let committing: Promise<void> | undefined;
  let isCommitWanted = false;
  let settled = Promise.withResolvers<void>();
  const retrying = setInterval(commitSoon, COMMIT_MS).unref();

  function tellAway(error: unknown): void {
    if (!isAway) say(`the broker is away: ${messageOf(error)}`);
    isAway = true;
  }

  function tellBack(): void {
    if (isAway) say("the broker is back");
    isAway = false;
  }

  /** What others have now is theirs to commit. */
  function keepOnly(assignments: readonly GroupAssignment[]): void {
    const ours = new Set(assignments.filter(({ topic }) => topic === from).flatMap(({ partitions: its }) => its));
    for (const partition of partitions.keys()) if (!ours.has(partition)) partitions.delete(partition);
  }

  /** Undefined for one that is being answered, or has its result, and for one without a value, which says that its key is deleted. */
  function take({ partition, offset, key, value, headers, leaderEpoch }: Message): Delivery | undefined {
    const its = partitions.get(partition) ?? { offsets: createOffsets(), committed: undefined, leaderEpoch };
    partitions.set(partition, its);
    its.leaderEpoch = leaderEpoch;
    if (!its.offsets.begin(offset)) return undefined;
    if (value === undefined || value === null) {
      its.offsets.finish(offset);
      return undefined;
    }
    const given = [...headers].find(([name]) => name.toString() === ID_HEADER)?.[1]?.toString();
    const id = given === undefined || given === "" ? `${from}-${partition}-${offset}` : given;
    const delivery: Delivery = { id, text: value.toString(), tries: 1 };
    held.set(delivery, { offsets: its.offsets, offset, key });
    return delivery;
  }

  const uncommitted = () => [...partitions.values()].reduce((sum, { offsets }) => sum + offsets.size(), 0);

  async function* read(signal: AbortSignal): AsyncGenerator<Delivery> {
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; ) {
      const consumer = new Consumer({ ...base, groupId: group, autocommit: false, ...sessionOf(claimAfterMs) });
      consumer.on("consumer:group:join", ({ assignments = [] }) => keepOnly(assignments));
      try {
        const stream = await consumer.consume({
          ...{ topics: [from], mode: "committed", fallbackMode: "earliest", autocommit: false },
          ...{ highWaterMark: ahead, maxBytes: MAX_FETCH_BYTES, maxWaitTime: 1_000 },
        });
        active = consumer;
        tellBack();
        pauseMs = FIRST_PAUSE_MS;
        const stop = () => void stream.close().catch(() => {});
        signal.addEventListener("abort", stop, { once: true });
        if (signal.aborted) stop();
        for await (const message of stream) {
          const delivery = take(message);
          if (delivery !== undefined) yield delivery;
          while (uncommitted() >= MAX_UNCOMMITTED && !signal.aborted) await orAborted(settled.promise, signal);
        }
        signal.removeEventListener("abort", stop);
        // It commits what is still answered.
        if (signal.aborted) return;
      } catch (error) {
        if (signal.aborted) return;
        tellAway(error);
      }
      active = undefined;
      await withinTime(consumer.close(true));
      await setTimeout(pauseMs, undefined, { signal }).catch(() => {});
      pauseMs = Math.min(MAX_PAUSE_MS, 2 * pauseMs);
    }
  }

  async function settle(delivery: Delivery, outcome: Outcome): Promise<Outcome> {
    const place = held.get(delivery);
    if (place === undefined) return outcome;
    const key = outcome.type === "answer" && outcome.key !== undefined ? Buffer.from(outcome.key) : place.key;
    const written = await writeOutcome(delivery, outcome, {
      write: (where, body) => (where === "dead" ? publish(dead, body, place.key) : publish(to, body, key)),
      say,
    });
    held.delete(delivery);
    place.offsets.finish(place.offset);
    settled.resolve();
    settled = Promise.withResolvers();
    commitSoon();
    return written;
  }

  async function publish(topic: string, body: { readonly id: string }, key: Buffer | undefined): Promise<void> {
    const message = { topic, value: JSON.stringify(body), headers: { [ID_HEADER]: body.id } };
    try {
      await producer.send({ messages: [key === undefined ? message : { ...message, key }] });
    } catch (error) {
      throw isTooLarge(error) ? new TooLargeError("too large", { cause: error }) : error;
    }
  }

  /** One commit at a time, so that an earlier one can't overtake a later one. */
  function commitSoon(): void {
    isCommitWanted = true;
    committing ??= commitAll().finally(() => {
      committing = undefined;
    });
  }

  async function commitAll(): Promise<void> {
    while (isCommitWanted && active?.isActive()) {
      isCommitWanted = false;
      const moved = [...partitions].flatMap(([partition, its]) => {
        const offset = its.offsets.position();
        return offset === undefined || offset === its.committed ? [] : [{ its, partition, offset }];
      });
      if (moved.length === 0) return;
      try {
        await active.commit({
          offsets: moved.map(({ its: { leaderEpoch }, partition, offset }) => ({
            topic: from,
            partition,
            offset,
            leaderEpoch,
          })),
        });
        for (const { its, offset } of moved) its.committed = offset;
      } catch (error) {
        say(`how far it is can't be committed yet: ${messageOf(error)}`);
        return;
      }
    }
  }

  try {
    const topics = [from, to, dead];
    const { topics: known } = await producer.metadata({ topics });
    const missing = topics.filter((topic) => !known.has(topic));
    if (missing.length > 0) throw new Error(`there is no topic ${missing.join(", ")}`);
  } catch (error) {
    clearInterval(retrying);
    await withinTime(producer.close());
    throw new Error(`${messageOf(error)} Topics are made by you: ${from}, ${to} and ${dead}.`, { cause: error });
  }
  return {
    read,
    settle,
    async close() {
      clearInterval(retrying);
      commitSoon();
      await withinTime(committing ?? Promise.resolve());
      await withinTime(active?.close(true) ?? Promise.resolve());
      await withinTime(producer.close());
    },
  };
}

function sessionOf(claimAfterMs: number) {
  const sessionTimeout = Math.max(LEAST_SESSION_MS, claimAfterMs);
  return { sessionTimeout, heartbeatInterval: HEARTBEAT_MS, rebalanceTimeout: Math.max(60_000, sessionTimeout) };
}

/** At the end nobody waits for a broker that is away. */
async function withinTime(work: Promise<unknown>): Promise<void> {
  await Promise.race([work.catch(() => {}), setTimeout(LEAVE_MS, undefined, { ref: false })]);
}

/** The client's errors hold others, and know how to look for one. */
function isTooLarge(error: unknown): boolean {
  return TOO_LARGE.some((id) => Boolean(Object(error).findBy?.("apiId", id)));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The address, and who asks. */
function serverOf(url: string) {
  const { protocol, hostname, port, username, password } = new URL(url);
  const sasl = {
    mechanism: "PLAIN" as const,
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
  return {
    bootstrapBrokers: [`${hostname}:${port === "" ? 9092 : port}`],
    ...(protocol === "kafkas:" && { tls: {} }),
    ...(username !== "" && { sasl }),
  };
}
