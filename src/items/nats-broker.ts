import { setTimeout } from "node:timers/promises";
import type { JsMsg } from "@nats-io/jetstream";
import type { Status } from "@nats-io/transport-node";
import {
  type Broker,
  type BrokerOptions,
  type Delivery,
  type Outcome,
  TooLargeError,
  tooOften,
  writeOutcome,
} from "./broker.ts";
import { createOverloadBuffer } from "./overload.ts";

/** How long a fetch waits for messages. */
const FETCH_MS = 5_000;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;
const RECONNECT_MS = 500;
/** How long is waited at the end for the broker to hear of it. */
const LEAVE_MS = 1_000;
/** In a millisecond. */
const NANOSECONDS = 1_000_000;
/** JetStream's error for a message that is larger than its stream takes (`max_msg_size`). */
const EXCEEDS_STREAM = 10_054;
/** The header by which JetStream knows messages that come twice. */
const ID_HEADER = "Nats-Msg-Id";

/**
 * NATS JetStream: a durable pull consumer by the name of the group. A message is acknowledged when its result is in a stream; while it is being
 * answered the broker hears so. The results' `Nats-Msg-Id` is the message's place in its stream, so one that is published twice is stored once.
 */
export async function openNatsBroker(options: BrokerOptions): Promise<Broker> {
  const { url, from, to, dead, group, consumer, maxTries, claimAfterMs, ahead, say } = options;
  const [{ connect, errors }, { AckPolicy, DeliverPolicy, JetStreamApiError, jetstream, jetstreamManager }] =
    await Promise.all([import("@nats-io/transport-node"), import("@nats-io/jetstream")]);
  /** Those that were delivered and are not settled. */
  const held = new Map<Delivery, JsMsg>();
  const waiting = createOverloadBuffer<Delivery>({ limit: ahead, policy: "wait" });
  const connection = await connect({
    ...serverOf(url),
    name: `sluice feed ${consumer}`,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    ignoreAuthErrorAbort: true,
  });
  let isConnected = true;
  /** Whether nothing can be taken, as far as was told. */
  let isAway = false;
  const js = jetstream(connection);
  const refreshing = setInterval(refresh, Math.max(100, claimAfterMs / 3)).unref();
  void watch();

  /** One that takes long to answer isn't one that was left. */
  function refresh(): void {
    if (!isConnected) return;
    for (const message of held.values()) message.working();
  }

  async function watch(): Promise<void> {
    for await (const status of connection.status()) hear(status);
  }

  function hear(status: Status): void {
    if (status.type === "error") say(`the broker refuses: ${status.error.message}`);
    if (status.type === "disconnect") tellAway("the connection broke");
    if (status.type === "reconnect") tellBack();
    if (status.type === "disconnect" || status.type === "reconnect") isConnected = status.type === "reconnect";
  }

  function tellAway(reason: string): void {
    if (!isAway) say(`the broker is away: ${reason}`);
    isAway = true;
  }

  function tellBack(): void {
    if (isAway) say("the broker is back");
    isAway = false;
  }

  async function streamOf(subject: string, flag: string): Promise<string> {
    const manager = await jetstreamManager(connection);
    const names = await manager.streams.names(subject).next();
    const [name] = names;
    if (name === undefined || names.length > 1) {
      throw new Error(
        `${name === undefined ? "no stream" : `more than one stream (${names.join(", ")})`} has the subject ${subject} of ${flag}. ` +
          `Streams are made by you, such as with: nats stream add NAME --subjects '${subject}'`,
      );
    }
    return name;
  }

  /** The group's consumer, which is made if there is none. */
  async function openConsumer() {
    const stream = await streamOf(from, "--from");
    const manager = await jetstreamManager(connection);
    const there = await manager.consumers.info(stream, group).catch((error: unknown) => {
      if (error instanceof Error && /not found/.test(error.message)) return undefined;
      throw error;
    });
    if (there === undefined) {
      await manager.consumers.add(stream, {
        ...{ durable_name: group, filter_subject: from, ack_wait: claimAfterMs * NANOSECONDS },
        ...{ ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All },
        // What was delivered too often goes to the dead letters from here, and what waits is bounded by who asks.
        ...{ max_deliver: -1, max_ack_pending: -1 },
      });
    } else if (there.config.ack_policy !== AckPolicy.Explicit || there.config.deliver_subject !== undefined) {
      throw new Error(`the stream ${stream} has a consumer ${group} of another kind. Name another --group.`);
    } else if (there.config.filter_subject !== from) {
      const other = there.config.filter_subject ?? "all subjects";
      throw new Error(
        `the consumer ${group} of the stream ${stream} takes ${other}, not ${from}. Name another --group.`,
      );
    }
    return js.consumers.get(stream, group);
  }

  /** Takes at once what the broker gives, so that it is held, and asks for no more than has room. */
  async function fetchAll(signal: AbortSignal): Promise<void> {
    let source: Awaited<ReturnType<typeof openConsumer>> | undefined;
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; ) {
      try {
        source ??= await openConsumer();
        const messages = await source.fetch({ max_messages: Math.max(1, ahead - waiting.size), expires: FETCH_MS });
        const stop = () => void messages.close();
        signal.addEventListener("abort", stop, { once: true });
        if (signal.aborted) stop();
        for await (const message of messages) await take(message);
        signal.removeEventListener("abort", stop);
        pauseMs = FIRST_PAUSE_MS;
        if (isConnected) tellBack();
      } catch (error) {
        if (signal.aborted) return;
        tellAway(error instanceof Error ? error.message : String(error));
        // It may be gone, with its stream.
        source = undefined;
        await setTimeout(pauseMs, undefined, { signal }).catch(() => {});
        pauseMs = Math.min(MAX_PAUSE_MS, 2 * pauseMs);
      }
    }
  }

  async function take(message: JsMsg): Promise<void> {
    const { stream, streamSequence, deliveryCount } = message.info;
    const id = message.headers?.get(ID_HEADER) || `${stream}-${streamSequence}`;
    const delivery: Delivery = { id, text: message.string(), tries: deliveryCount };
    held.set(delivery, message);
    await waiting.push(delivery);
  }

  async function* read(signal: AbortSignal): AsyncGenerator<Delivery> {
    const fetching = fetchAll(signal);
    const stop = () => void waiting.clear();
    signal.addEventListener("abort", stop, { once: true });
    for (;;) {
      const delivery = await waiting.take();
      if (delivery === undefined || signal.aborted) break;
      if (delivery.tries <= maxTries) yield delivery;
      else await giveUp(delivery);
    }
    await fetching;
  }

  async function giveUp(delivery: Delivery): Promise<void> {
    // If that can't be written, it is delivered again.
    await settle(delivery, tooOften(delivery)).catch(() => held.delete(delivery));
  }

  async function settle(delivery: Delivery, outcome: Outcome): Promise<Outcome> {
    const message = held.get(delivery);
    if (message === undefined) return outcome;
    // What is published now would be sent when it is back, as often as it was tried.
    if (!isConnected) throw new Error("the broker is away");
    const written = await writeOutcome(delivery, outcome, {
      write: (place, body) => publish(message, place === "dead" ? dead : to, body),
      ...{ more: { tries: delivery.tries }, say },
    });
    if (written.type === "answer") await message.ackAck();
    else if (written.type === "failure") message.term();
    else message.ack();
    held.delete(delivery);
    return written;
  }

  async function publish({ info, timestampNanos }: JsMsg, subject: string, body: object): Promise<void> {
    // A stream that was made anew counts from 1 again.
    const msgID = `${group}-${info.stream}-${info.streamSequence}-${timestampNanos}`;
    try {
      await js.publish(subject, JSON.stringify(body), { msgID });
    } catch (error) {
      throw isTooLarge(error) ? new TooLargeError("too large", { cause: error }) : error;
    }
  }

  /** The client compares with the server's `max_payload`, and a stream may take less. */
  function isTooLarge(error: unknown): boolean {
    if (error instanceof JetStreamApiError) return error.code === EXCEEDS_STREAM;
    return error instanceof errors.InvalidArgumentError && error.message.includes("max_payload");
  }

  try {
    await openConsumer();
    await streamOf(to, "--to");
    await streamOf(dead, "--dead");
  } catch (error) {
    clearInterval(refreshing);
    await connection.close();
    throw error;
  }
  return {
    read,
    settle,
    async close() {
      clearInterval(refreshing);
      waiting.clear();
      // Others get it at once.
      if (isConnected) for (const message of held.values()) message.nak();
      await Promise.race([connection.flush().catch(() => {}), setTimeout(LEAVE_MS, undefined, { ref: false })]);
      await connection.close();
    },
  };
}

/** The address and who asks, which the client wants apart. */
function serverOf(url: string) {
  const { protocol, host, username, password } = new URL(url);
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  return {
    servers: host,
    ...(protocol === "tls:" && { tls: {} }),
    ...(user !== "" && (pass === "" ? { token: user } : { user, pass })),
  };
}
