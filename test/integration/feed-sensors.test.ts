import { createClient } from "@redis/client";
import mqtt from "mqtt";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { feedItems } from "../../src/cli/feed/feed.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { type FakeContext, fakeContext } from "../cli/fake-context.ts";
import { startMosquitto } from "../fixtures/mosquitto.ts";
import { startRedis } from "../fixtures/redis-server.ts";
import { answerWith, createTestApp, listenAsGateway, script } from "../http/support.ts";
import { preset } from "../prompts/support.ts";

const SENSOR = preset('template: "{{sensor}}: {{input}}"\nvariables: { sensor: { type: string } }', "sensor");

const IN_FLIGHT = 4;
const BUFFER = 32;
const FLAGS = {
  ...{ from: "readings", to: "verdicts", group: "sluice", preset: "sensor", consumer: "one", json: true },
  ...{ inFlight: String(IN_FLIGHT), buffer: String(BUFFER), tries: "5", claimAfter: "1s", class: "batch" },
};

/** Readings in all, half of them before the broker is killed; and how many are sent at once. */
const READINGS = 2_000;
const BATCH = 100;

/** A model that is much slower than the sensors: it answers one reading for each batch that was sent, and all when they are through. */
function slowModel() {
  const waiting: (() => void)[] = [];
  let isOver = false;
  let answered = 0;
  const generate = script(async function* ({ prompt }: GenerationRequest) {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (isOver) resolve();
    else waiting.push(resolve);
    await promise;
    const message = prompt.type === "chat" ? prompt.messages.at(-1) : undefined;
    yield* answerWith([String(message?.content)]);
  });
  return {
    generate,
    /** As many as were let go. */
    answered: () => answered,
    answerOne() {
      const answer = waiting.shift();
      if (answer === undefined) return;
      answered += 1;
      answer();
    },
    answerAll() {
      isOver = true;
      for (const answer of waiting.splice(0)) answer();
    },
  };
}

async function until(check: () => unknown): Promise<void> {
  await vi.waitFor(check, { timeout: 60_000, interval: 50 });
}

/** The feed in front of a slow model. */
async function setUp(broker: string, flags: Readonly<Record<string, string>>) {
  const model = slowModel();
  const gateway = await listenAsGateway(createTestApp({ generate: model.generate, presets: [SENSOR] }).app);
  const context = fakeContext();
  const times = { leaveMs: 10_000, tellMs: 50 };
  const code = feedItems({ ...FLAGS, ...flags, url: gateway.url, broker }, context, times);
  code.catch(() => {});
  onTestFinished(() => gateway[Symbol.asyncDispose]());
  await context.stderr.until("takes items");
  return {
    ...{ context, model },
    async stop() {
      context.process.emit("SIGINT", "SIGINT");
      await expect(code).rejects.toThrow("SIGINT");
    },
  };
}

function reading(number: number): string {
  return JSON.stringify({ id: number, sensor: `s${number % 10}`, input: `${number}` });
}

/** What the feed has told last of itself. */
function toldBy({ stderr }: FakeContext) {
  const numbers =
    /^.*feed: (\d+) items taken, (\d+) answered, (\d+) to the dead letters, (\d+) dropped, (\d+) in hand \((\d+) at most\)/s.exec(
      stderr.text(),
    ) ?? [];
  const [taken = 0, answered = 0, failed = 0, dropped = 0, inHand = 0, most = 0] = numbers.slice(1).map(Number);
  return { taken, answered, failed, dropped, inHand, most };
}

/** What may be in memory at once: what waits, what is being answered, and what was dropped and isn't acknowledged yet. */
const MOST = BUFFER + IN_FLIGHT + 256;

const POLICIES = [{ overload: "drop-oldest" }, { overload: "sample" }, { overload: "latest", key: "sensor" }] as const;

describe("a feed of sensors that are faster than the model, with a broker that is killed", () => {
  it.each(POLICIES)("answers or drops each reading of Redis Streams once, by $overload", async (policy) => {
    const redis = await startRedis({ isDurable: true });
    onTestFinished(() => redis[Symbol.asyncDispose]());
    const client = createClient({ url: redis.url });
    client.on("error", () => {});
    await client.connect();
    onTestFinished(() => client.destroy());
    const { context, model, stop } = await setUp(redis.url, policy);
    for (let first = 0; first < READINGS; first += BATCH) {
      const batch = Array.from({ length: BATCH }, (_, at) =>
        client.xAdd("readings", "*", { data: reading(first + at) }),
      );
      const sent = Promise.allSettled(batch);
      if (first === READINGS / 2) {
        await batch[0];
        // Nobody knows which others of these it has taken.
        await redis.kill();
        await context.stderr.until("the broker is away");
        await redis.restart();
        await context.stderr.until("the broker is back");
      }
      await sent;
      model.answerOne();
    }
    model.answerAll();
    await until(async () => {
      const [group] = await client.xInfoGroups("readings");
      expect([Number(group?.lag), Number(group?.pending)]).toEqual([0, 0]);
    });
    await stop();
    const told = toldBy(context);
    const all = new Set(((await client.xRange("readings", "-", "+")) ?? []).map(({ id }) => id));
    const results = ((await client.xRange("verdicts", "-", "+")) ?? []).map(({ message }) => String(message.id));
    expect(all.size).toBeGreaterThanOrEqual(READINGS - BATCH);
    expect(told).toMatchObject({ taken: all.size, answered: results.length, failed: 0, inHand: 0 });
    expect(told.answered + told.dropped).toBe(all.size);
    expect(told.dropped).toBeGreaterThan(all.size / 2);
    expect(told.most).toBeLessThanOrEqual(MOST);
    expect(new Set(results).size).toBe(results.length);
    expect(results.filter((id) => !all.has(id))).toEqual([]);
  });

  it.each(POLICIES)("answers or drops each reading of MQTT once, by $overload", async (policy) => {
    const broker = await startMosquitto();
    onTestFinished(() => broker[Symbol.asyncDispose]());
    const client = await mqtt.connectAsync(broker.url, { protocolVersion: 5, reconnectPeriod: 50 });
    client.on("error", () => {});
    onTestFinished(() => client.endAsync(true));
    const results: string[] = [];
    client.on("message", (_topic, payload) => results.push(String(JSON.parse(payload.toString()).id)));
    await client.subscribeAsync("verdicts", { qos: 1 });
    const { context, model, stop } = await setUp(broker.url, policy);
    for (let first = 0; first < READINGS; first += BATCH) {
      if (first === READINGS / 2) {
        // It keeps nothing on disk, so it is killed when all that it had is in our hands, and no result in its.
        await until(() => expect(toldBy(context).taken).toBe(first));
        await until(() => expect(toldBy(context).answered).toBe(model.answered()));
        expect(results).toHaveLength(model.answered());
        await broker.kill();
        await context.stderr.until("the broker is away");
        await broker.start();
        await context.stderr.until("the broker is back");
        await until(() => expect(client.connected).toBe(true));
        await client.subscribeAsync("verdicts", { qos: 1 });
      }
      const batch = Array.from({ length: BATCH }, (_, at) =>
        client.publishAsync("readings", reading(first + at), {
          qos: 1,
          properties: { userProperties: { id: `r${first + at}` } },
        }),
      );
      await Promise.all(batch);
      model.answerOne();
    }
    await until(() => expect(toldBy(context).taken).toBe(READINGS));
    model.answerAll();
    await until(() => expect(toldBy(context).inHand).toBe(0));
    await until(() => expect(results).toHaveLength(toldBy(context).answered));
    await stop();
    const told = toldBy(context);
    expect(told).toMatchObject({ taken: READINGS, failed: 0, inHand: 0 });
    expect(told.answered + told.dropped).toBe(READINGS);
    expect(told.dropped).toBeGreaterThan(READINGS / 2);
    expect(told.most).toBeLessThanOrEqual(MOST);
    expect(new Set(results).size).toBe(results.length);
  });
});
