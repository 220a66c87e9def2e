import { setTimeout } from "node:timers/promises";
import { createClient } from "@redis/client";
import { type Broker, type BrokerOptions, type Delivery, type Outcome, resultFields, tooOften } from "./broker.ts";

/** How long a read waits on the server. */
const BLOCK_MS = 1_000;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;
/** Entries that are taken over at once. */
const MAX_CLAIMED = 100;

/**
 * Adds the result and acknowledges the entry, if it is still pending: so each entry has one result, however often it was delivered and answered.
 * The result comes first, since a script that fails isn't undone.
 */
const SETTLE = `
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)
if #pending == 0 then return 0 end
if #KEYS > 1 then redis.call('XADD', KEYS[2], '*', unpack(ARGV, 3)) end
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
`;

/** A consumer with entries that were not acknowledged stays, so that others find these. */
const LEAVE = `
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
`;

type Entry = { readonly id: string; readonly message: Readonly<Record<string, string>> };

/** Redis Streams: consumers of a group, and what others left is taken over. Source and results are on one server, as clusters' on one slot. */
export async function openRedisBroker(options: BrokerOptions): Promise<Broker> {
  const { url, from, to, dead, group, consumer, maxTries, claimAfterMs, ahead, say } = options;
  /** Those that were delivered and are not settled, with their fields. */
  const held = new Map<string, Entry>();
  let isAway = false;
  const reader = connect();
  const writer = connect();
  const refreshing = setInterval(() => void refresh().catch(() => {}), Math.max(100, claimAfterMs / 3)).unref();

  function connect() {
    const client = createClient({
      url,
      socket: {
        reconnectStrategy: (tries: number) => Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 10)),
      },
    });
    client.on("error", (error: Error) => tellAway(error));
    client.on("ready", () => {
      if (isAway) say("the broker is back");
      isAway = false;
    });
    return client;
  }

  function tellAway(error: unknown): void {
    if (!isAway) say(`the broker is away: ${error instanceof Error ? error.message : String(error)}`);
    isAway = true;
  }

  /** An entry that takes long to answer isn't one that was left. */
  async function refresh(): Promise<void> {
    const ids = [...held.keys()];
    for (let at = 0; at < ids.length; at += MAX_CLAIMED) {
      await writer.xClaimJustId(from, group, consumer, 0, ids.slice(at, at + MAX_CLAIMED));
    }
  }

  async function createGroup(): Promise<void> {
    try {
      await writer.xGroupCreate(from, group, "0", { MKSTREAM: true });
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("BUSYGROUP"))) throw error;
    }
  }

  /** What other consumers have left, with how often it was delivered. */
  async function claim(): Promise<Delivery[]> {
    const { messages } = await writer.xAutoClaim(from, group, consumer, claimAfterMs, "0-0", { COUNT: MAX_CLAIMED });
    const entries = messages.filter((entry) => entry !== null && !held.has(entry.id)) as Entry[];
    const [first] = entries;
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return [];
    const pending = await writer.xPendingRange(from, group, first.id, last.id, 10 * MAX_CLAIMED, { consumer });
    const tries = new Map(pending.map(({ id, deliveriesCounter }) => [id, deliveriesCounter]));
    return entries.map((entry) => take(entry, tries.get(entry.id) ?? 1));
  }

  async function fetchNew(): Promise<Delivery[]> {
    const reply = await reader.xReadGroup(group, consumer, { key: from, id: ">" }, { COUNT: ahead, BLOCK: BLOCK_MS });
    const [stream] = Array.isArray(reply) ? reply : [];
    const entries = (Object(stream).messages ?? []) as readonly Entry[];
    return entries.map((entry) => take(entry, 1));
  }

  function take(entry: Entry, tries: number): Delivery {
    held.set(entry.id, entry);
    return { id: entry.id, text: textOf(entry.message), tries };
  }

  async function* read(signal: AbortSignal): AsyncGenerator<Delivery> {
    let claimMs = 0;
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; ) {
      let deliveries: Delivery[] = [];
      try {
        if (performance.now() >= claimMs) {
          await createGroup();
          deliveries = await claim();
          if (deliveries.length < MAX_CLAIMED) claimMs = performance.now() + claimAfterMs / 2;
        }
        if (deliveries.length === 0) deliveries = await fetchNew();
        pauseMs = FIRST_PAUSE_MS;
      } catch (error) {
        if (signal.aborted) return;
        tellAway(error);
        // Its group may be gone, too.
        claimMs = 0;
        await setTimeout(pauseMs, undefined, { signal }).catch(() => {});
        pauseMs = Math.min(MAX_PAUSE_MS, 2 * pauseMs);
      }
      for (const delivery of deliveries) {
        if (delivery.tries <= maxTries) yield delivery;
        // If that can't be written, it is taken over again.
        else await settle(delivery, tooOften(delivery)).catch(() => held.delete(delivery.id));
      }
    }
  }

  async function settle(delivery: Delivery, outcome: Outcome): Promise<Outcome> {
    const { id } = delivery;
    const [target, fields] = resultOf(delivery, outcome);
    await writer.eval(SETTLE, {
      keys: target === undefined ? [from] : [from, target],
      arguments: [group, id, ...fields],
    });
    held.delete(id);
    return outcome;
  }

  function resultOf(delivery: Delivery, outcome: Outcome): [target: string | undefined, fields: string[]] {
    const { id, tries } = delivery;
    switch (outcome.type) {
      case "answer":
        return [to, Object.entries(resultFields(delivery, outcome)).flat()];
      case "failure": {
        const own = Object.entries(held.get(id)?.message ?? {}).flat();
        return [dead, [...own, "sluice-id", id, "sluice-error", outcome.message, "sluice-tries", String(tries)]];
      }
      case "dropped":
        return [undefined, []];
    }
  }

  await Promise.all([reader.connect(), writer.connect()]);
  return {
    read,
    settle,
    async close() {
      clearInterval(refreshing);
      reader.destroy();
      await writer.eval(LEAVE, { keys: [from], arguments: [group, consumer] }).catch(() => {});
      writer.destroy();
    },
  };
}

/** The field `data`, or the only one; else all of them as JSON. */
function textOf(message: Readonly<Record<string, string>>): string {
  const values = Object.values(message);
  return message.data ?? (values.length === 1 ? values[0] : undefined) ?? JSON.stringify(message);
}
