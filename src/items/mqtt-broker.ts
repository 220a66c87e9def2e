import { createHash } from "node:crypto";
import type { IPublishPacket, MqttClient } from "mqtt";
import { type Broker, type BrokerOptions, type Delivery, type Outcome, TooLargeError, writeOutcome } from "./broker.ts";
import { createOverloadBuffer } from "./overload.ts";

/** MQTT's own bounds: no more are sent to us before some are acknowledged. */
const MAX_HELD = 65_535;
/** What a packet has beside its topic, its id and its payload, at most. */
const FRAME_BYTES = 32;
/** MQTT's reason why a broker refuses a packet. */
const PACKET_TOO_LARGE = 0x95;
/** For how long a broker keeps what a consumer that went away has not acknowledged. */
const SESSION_SECONDS = 24 * 60 * 60;

/**
 * MQTT 5: a shared subscription, with quality of service 1. What is not acknowledged is sent again to the same consumer when it is back, so its
 * name should stay the same from run to run. A message has no id of its own: its user property `id` is it, or else a digest of topic and payload.
 */
export async function openMqttBroker(options: BrokerOptions): Promise<Broker> {
  const { url, from, to, dead, group, consumer, ahead, say } = options;
  const { connect } = await import("mqtt");
  const held = new Map<Delivery, IPublishPacket>();
  /** Those of a connection that broke. A broker that has forgotten the session doesn't send them again. */
  const left = new Set<Delivery>();
  const buffer = createOverloadBuffer<Delivery>({ limit: MAX_HELD, policy: "wait" });
  const topic = `$share/${group}/${from}`;
  let isAway = false;
  let back = Promise.withResolvers<void>();
  const client = connect(url, {
    protocolVersion: 5,
    clientId: `${group}-${consumer}`,
    clean: false,
    // What comes again by the session comes at once: the handler has to be there before.
    manualConnect: true,
    properties: { sessionExpiryInterval: SESSION_SECONDS, receiveMaximum: Math.min(MAX_HELD, Math.max(1, ahead)) },
  });
  // An error in place of an acknowledgement means that none is sent: that is done when the item is settled (test/integration/feed-mqtt.test.ts).
  client.handleMessage = (packet, done) => {
    const delivery: Delivery = {
      id: idOf(packet),
      text: packet.payload.toString(),
      tries: packet.dup === true ? 2 : 1,
    };
    held.set(delivery, packet);
    void buffer.push(delivery).catch(() => {});
    done(packet.qos === 0 ? undefined : new Error("It is acknowledged later."));
  };
  client.on("close", () => {
    if (!isAway) say("the broker is away");
    if (!isAway) back = Promise.withResolvers();
    isAway = true;
    for (const delivery of held.keys()) left.add(delivery);
    held.clear();
  });
  client.on("error", (error) => say(`the broker refuses: ${error.message}`));
  const connected = Promise.withResolvers<void>();
  /** Of a packet, in bytes. */
  let limit = Number.POSITIVE_INFINITY;
  client.on("connect", ({ sessionPresent, properties }) => {
    limit = properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    if (sessionPresent) left.clear();
    // Each time, since the broker may have forgotten the session.
    client.subscribeAsync(topic, { qos: 1 }).then(() => {
      if (isAway) say("the broker is back");
      isAway = false;
      back.resolve();
      connected.resolve();
    }, connected.reject);
  });
  client.once("error", connected.reject);
  client.connect();
  await connected.promise.catch((error: unknown) => {
    client.end(true);
    throw error;
  });

  async function* read(signal: AbortSignal): AsyncGenerator<Delivery> {
    const stop = () => {
      buffer.clear();
      back.resolve();
    };
    signal.addEventListener("abort", stop, { once: true });
    for (;;) {
      const delivery = await buffer.take();
      // Only then it is known whether it comes again.
      if (isAway) await back.promise;
      if (delivery === undefined || signal.aborted) return;
      if (held.has(delivery) || left.delete(delivery)) yield delivery;
    }
  }

  async function publish(topic: string, message: { readonly id: string }): Promise<void> {
    const { id } = message;
    const body = JSON.stringify(message);
    const bytes = Buffer.byteLength(body) + Buffer.byteLength(topic) + Buffer.byteLength(id) + FRAME_BYTES;
    if (bytes > limit) throw new TooLargeError(`too large: ${bytes} bytes of ${limit}`);
    try {
      await client.publishAsync(topic, body, { qos: 1, properties: { userProperties: { id } } });
    } catch (error) {
      throw Object(error).code === PACKET_TOO_LARGE ? new TooLargeError("too large", { cause: error }) : error;
    }
  }

  async function settle(delivery: Delivery, outcome: Outcome): Promise<Outcome> {
    const written = await writeOutcome(delivery, outcome, {
      write: (place, message) => publish(place === "dead" ? dead : to, message),
      say,
    });
    const packet = held.get(delivery);
    held.delete(delivery);
    left.delete(delivery);
    // It came over a connection that broke: it comes again, and its result has the same id.
    if (packet?.messageId === undefined || packet.qos === 0) return written;
    await acknowledge(client, packet.messageId);
    return written;
  }

  return {
    read,
    settle,
    async close() {
      buffer.clear();
      await client.endAsync(true);
    },
  };
}

function acknowledge(client: MqttClient, messageId: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => (error ? reject(error) : resolve());
    // Its types call it private.
    Object(client)._sendPacket({ cmd: "puback", messageId, reasonCode: 0 }, done);
  });
}

function idOf({ topic, payload, properties }: IPublishPacket): string {
  const given = properties?.userProperties?.id;
  if (typeof given === "string" && given !== "") return given.slice(0, 512);
  return createHash("sha256").update(topic).update("\0").update(payload).digest("base64url").slice(0, 22);
}
