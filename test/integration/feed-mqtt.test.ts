import mqtt from "mqtt";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { feedItems } from "../../src/cli/feed/feed.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { fakeContext } from "../cli/fake-context.ts";
import { startMosquitto } from "../fixtures/mosquitto.ts";
import { answerWith, createTestApp, listenAsGateway, script } from "../http/support.ts";
import { preset } from "../prompts/support.ts";

const ECHO = preset('template: "{{input}}"', "echo");

const DEFAULTS = {
  ...{ from: "readings/#", to: "verdicts", group: "sluice", preset: "echo", consumer: "one" },
  ...{ inFlight: "4", overload: "wait", buffer: "16", tries: "3", claimAfter: "60s", class: "batch" },
};

function textOf({ prompt }: GenerationRequest): string {
  const message = prompt.type === "chat" ? prompt.messages.at(-1) : undefined;
  return String(message?.content ?? "");
}

/** A broker, a gateway, a client that keeps what is published, and the command. */
async function setUp(
  generate: Parameters<typeof createTestApp>[0] extends infer T ? NonNullable<T> : never,
  settings = "",
) {
  const broker = await startMosquitto(settings);
  const server = await listenAsGateway(createTestApp({ presets: [ECHO], ...generate }).app);
  const client = await mqtt.connectAsync(broker.url, { protocolVersion: 5, reconnectPeriod: 50 });
  client.on("error", () => {});
  const seen: { topic: string; id: string; output?: string; error?: string }[] = [];
  client.on("message", (topic, payload) => seen.push({ topic, ...JSON.parse(payload.toString()) }));
  await client.subscribeAsync(["verdicts", "verdicts/dead"], { qos: 1 });
  onTestFinished(async () => {
    await client.endAsync(true);
    await server[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });
  const feed = async (flags: Readonly<Record<string, string | boolean>> = {}) => {
    const context = fakeContext();
    const code = feedItems({ ...DEFAULTS, url: server.url, broker: broker.url, ...flags }, context, {
      leaveMs: 200,
      tellMs: 10_000,
    });
    code.catch(() => {});
    // Who subscribes later gets nothing of what was published before.
    await context.stderr.until("takes items");
    return {
      context,
      async stop() {
        context.process.emit("SIGINT", "SIGINT");
        await expect(code).rejects.toThrow("SIGINT");
      },
    };
  };
  const publish = (text: string, id?: string) =>
    client.publishAsync("readings/a", text, {
      qos: 1,
      ...(id !== undefined && { properties: { userProperties: { id } } }),
    });
  const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 20 });
  return { broker, client, feed, publish, seen, until };
}

describe("sluice feed, from MQTT", () => {
  it("answers each message once, under its id, several at a time", async () => {
    const gate = Promise.withResolvers<void>();
    let most = 0;
    let running = 0;
    const generate = script(async function* (request) {
      running += 1;
      most = Math.max(most, running);
      await gate.promise;
      running -= 1;
      yield* answerWith([textOf(request).toUpperCase()]);
    });
    const { feed, publish, seen, until } = await setUp({ generate });
    const { stop } = await feed();
    for (let item = 0; item < 8; item++) await publish(`item ${item}`, `id-${item}`);
    await until(() => expect(most).toBe(4));
    gate.resolve();
    await until(() => expect(seen).toHaveLength(8));
    expect(new Map(seen.map(({ id, output }) => [id, output]))).toEqual(
      new Map(Array.from({ length: 8 }, (_, item) => [`id-${item}`, `ITEM ${item}`])),
    );
    await stop();
  });

  it("gets again what it had not settled when it is started again, and what came meanwhile", async () => {
    let isStuck = true;
    const begun = Promise.withResolvers<void>();
    const generate = script(async function* (request) {
      begun.resolve();
      if (isStuck) await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      yield* answerWith([textOf(request)]);
    });
    const { feed, publish, seen, until } = await setUp({ generate });
    const first = await feed();
    await publish("unfinished", "a");
    await begun.promise;
    await first.stop();
    isStuck = false;
    await publish("meanwhile", "b");
    const second = await feed();
    await until(() => expect(seen.map(({ id }) => id).toSorted()).toEqual(["a", "b"]));
    await second.stop();
  });

  it("cuts a dead letter that is larger than the broker takes, and answers those behind it", async () => {
    const generate = script(async function* (request) {
      const text = textOf(request);
      yield* answerWith([text === "long" ? '"'.repeat(2_000) : text]);
    });
    const { feed, publish, seen, until } = await setUp({ generate }, "max_packet_size 2000");
    const { stop } = await feed({ json: true });
    await publish('"'.repeat(1_500), "quotes");
    await publish('{"input":"long"}', "long");
    await publish('{"input":"good"}', "good");
    await until(() => expect(seen).toHaveLength(3));
    const marks = { input: '"'.repeat(750), input_cut: true, input_length: 1_500 };
    expect(seen.find(({ id }) => id === "quotes")).toMatchObject({ topic: "verdicts/dead", ...marks });
    expect(seen.find(({ id }) => id === "long")).toMatchObject({
      ...{ topic: "verdicts/dead", input: '{"input":"long"}' },
      error: "Its answer of 2000 characters is larger than the broker takes.",
    });
    expect(seen.find(({ id }) => id === "good")).toMatchObject({ topic: "verdicts", output: "good" });
    await stop();
  });

  it("goes on when the broker was away, and publishes failures as dead letters", async () => {
    const { broker, client, feed, publish, seen, until } = await setUp({
      generate: script(async function* (request) {
        yield* answerWith([textOf(request)]);
      }),
    });
    const { stop, context } = await feed({ json: true });
    await broker.kill();
    await until(() => expect(context.stderr.text()).toContain("the broker is away"));
    await broker.start();
    await until(() => expect(context.stderr.text()).toContain("the broker is back"));
    await until(() => expect(client.connected).toBe(true));
    await publish('{"input":"x","colour":"red"}', "bad");
    await publish('{"input":"y"}', "good");
    await until(() => expect(seen).toHaveLength(2));
    expect(seen.find(({ id }) => id === "bad")).toMatchObject({
      topic: "verdicts/dead",
      error: expect.stringContaining("colour"),
    });
    expect(seen.find(({ id }) => id === "good")).toMatchObject({ topic: "verdicts", output: "y" });
    await stop();
  });
});
