import { createClient } from "@redis/client";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { feedItems } from "../../src/cli/feed/feed.ts";
import { MAX_ITEM_LENGTH } from "../../src/cli/pipe/items.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { fakeContext } from "../cli/fake-context.ts";
import { redisOfTests } from "../fixtures/redis-server.ts";
import { answerWith, createTestApp, listenAsGateway, script, servedModel } from "../http/support.ts";
import { preset } from "../prompts/support.ts";

const redis = redisOfTests();

const PLACE = preset('template: "In {{place}}: {{input}}"\nvariables: { place: { type: string } }', "place");
const SENSOR = preset('template: "{{sensor}} {{input}}"\nvariables: { sensor: { type: string } }', "sensor");
const ECHO = preset('template: "{{input}}"', "echo");

const DEFAULTS = {
  ...{ from: "readings", to: "verdicts", group: "sluice", preset: "echo" },
  ...{ inFlight: "4", overload: "wait", buffer: "16", tries: "3", claimAfter: "300ms", class: "batch" },
};

function textOf({ prompt }: GenerationRequest): string {
  const message = prompt.type === "chat" ? prompt.messages.at(-1) : undefined;
  return String(message?.content ?? "");
}

const echo = script(async function* (request) {
  yield* answerWith([textOf(request).toUpperCase()]);
});

/** A gateway, a client of the broker, and the command. */
async function setUp(generate = echo) {
  const models = [servedModel(generate), servedModel(echo, { id: "other", aliases: [] })];
  const server = await listenAsGateway(createTestApp({ models, presets: [ECHO, PLACE, SENSOR] }).app);
  const client = createClient({ url: redis().url });
  client.on("error", () => {});
  await client.connect();
  onTestFinished(async () => {
    client.destroy();
    await server[Symbol.asyncDispose]();
  });
  const feed = (flags: Readonly<Record<string, string | boolean>> = {}) => {
    const context = fakeContext();
    const code = feedItems({ ...DEFAULTS, url: server.url, broker: redis().url, ...flags }, context);
    code.catch(() => {});
    return {
      context,
      async stop() {
        context.process.emit("SIGINT", "SIGINT");
        await expect(code).rejects.toThrow("SIGINT");
      },
    };
  };
  const all = async (stream: string) =>
    ((await client.xRange(stream, "-", "+")) ?? []).map(({ message }) => ({ ...message }));
  const until = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 10_000, interval: 20 });
  return { client, feed, all, until };
}

describe("sluice feed, from Redis Streams", () => {
  it("answers each entry once, under its id, and acknowledges it", async () => {
    const { client, feed, all, until } = await setUp();
    const ids = [];
    for (const data of ["one", "two"]) ids.push(await client.xAdd("readings", "*", { data }));
    const { stop, context } = feed();
    await until(async () => expect(await all("verdicts")).toHaveLength(2));
    ids.push(await client.xAdd("readings", "*", { data: "three" }));
    await until(async () => expect(await all("verdicts")).toHaveLength(3));
    const results = await all("verdicts");
    expect(results.map(({ id, output }) => [id, output]).toSorted()).toEqual(
      [ids[0], ids[1], ids[2]].map((id, index) => [id, ["ONE", "TWO", "THREE"][index]]),
    );
    expect(await client.xPending("readings", "sluice")).toMatchObject({ pending: 0 });
    await stop();
    expect(context.stderr.text()).toContain("3 items taken, 3 answered, 0 to the dead letters, 0 dropped");
    // Nothing is left of a consumer that has nothing to do.
    expect(await client.xInfoConsumers("readings", "sluice")).toEqual([]);
  });

  it("sends what can't be answered to the dead letters, with the reason", async () => {
    const { client, feed, all, until } = await setUp();
    const id = await client.xAdd("readings", "*", { data: '{"colour":"red"}' });
    await client.xAdd("readings", "*", { data: '{"place":"rome","input":"hi"}' });
    const { stop } = feed({ preset: "place", json: true });
    await until(async () => expect(await all("readings:dead")).toHaveLength(1));
    expect((await all("readings:dead"))[0]).toMatchObject({
      ...{ data: '{"colour":"red"}', "sluice-id": id, "sluice-tries": "1" },
      "sluice-error": expect.stringContaining("colour"),
    });
    await until(async () => expect((await all("verdicts"))[0]?.output).toBe("IN ROME: HI"));
    await stop();
  });

  it("sends what is no JSON object to the dead letters where objects are wanted", async () => {
    const { client, feed, all, until } = await setUp();
    const texts = ["not JSON", "[1]", '"a text"'];
    for (const data of texts) await client.xAdd("readings", "*", { data });
    await client.xAdd("readings", "*", { data: '{"input":"hi"}' });
    const { stop, context } = feed({ json: true });
    await until(async () => expect(await all("readings:dead")).toHaveLength(3));
    for (const [index, data] of texts.entries()) {
      expect((await all("readings:dead"))[index]).toMatchObject({
        data,
        "sluice-error": expect.stringContaining("an item is a JSON object"),
      });
    }
    await until(async () => expect(await all("verdicts")).toMatchObject([{ output: "HI" }]));
    await stop();
    expect(context.stderr.text()).toContain("4 items taken, 1 answered, 3 to the dead letters");
  });

  it("sends what is too long to the dead letters", async () => {
    const { client, feed, all, until } = await setUp();
    const data = "x".repeat(MAX_ITEM_LENGTH + 1);
    await client.xAdd("readings", "*", { data });
    await client.xAdd("readings", "*", { data: "hi" });
    const { stop } = feed();
    await until(async () => expect(await all("verdicts")).toMatchObject([{ output: "HI" }]));
    const [dead] = await all("readings:dead");
    expect(dead?.["sluice-error"]).toBe(`This item is longer than ${MAX_ITEM_LENGTH} characters.`);
    expect(dead?.data?.length).toBe(data.length);
    await stop();
  });

  it("has what doesn't fit answered by another model, and tells which", async () => {
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const slow = script(async function* (request) {
      begun.resolve();
      await gate.promise;
      yield* answerWith([textOf(request)]);
    });
    const { client, feed, all, until } = await setUp(slow);
    await client.xAdd("readings", "*", { data: "held" });
    const { stop, context } = feed({ overload: "spill", spill: "other", buffer: "2", inFlight: "1" });
    await begun.promise;
    for (const data of ["a", "b", "c", "d"]) await client.xAdd("readings", "*", { data });
    await until(async () => expect(await all("verdicts")).toHaveLength(2));
    expect(await all("verdicts")).toMatchObject([
      { target: "other", output: "C" },
      { target: "other", output: "D" },
    ]);
    gate.resolve();
    await until(async () => expect(await all("verdicts")).toHaveLength(5));
    await stop();
    expect(context.stderr.text()).toContain("5 items taken, 5 answered (2 by other), 0 to the dead letters, 0 dropped");
  });

  it("takes nothing for a preset that there isn't", async () => {
    const { client, all } = await setUp();
    await client.xAdd("readings", "*", { data: "one" });
    await using server = await listenAsGateway(createTestApp({ presets: [ECHO] }).app);
    const flags = { ...DEFAULTS, url: server.url, broker: redis().url, preset: "nope" };
    await expect(feedItems(flags, fakeContext())).rejects.toThrow("nope");
    expect(await all("readings:dead")).toEqual([]);
    expect(await client.xInfoGroups("readings")).toEqual([]);
  });

  it("takes over what another consumer has left, and gives up what was delivered too often", async () => {
    const { client, feed, all, until } = await setUp();
    await client.xGroupCreate("readings", "sluice", "0", { MKSTREAM: true });
    const left = await client.xAdd("readings", "*", { data: "left" });
    const poison = await client.xAdd("readings", "*", { data: "poison" });
    await client.xReadGroup("sluice", "gone", { key: "readings", id: ">" });
    await client.xClaim("readings", "sluice", "gone", 0, poison, { RETRYCOUNT: 9 });
    const { stop } = feed();
    await until(async () => expect((await all("verdicts")).map(({ id }) => id)).toEqual([left]));
    await until(async () => expect((await all("readings:dead")).map((entry) => entry["sluice-id"])).toEqual([poison]));
    await stop();
  });

  it("writes one result for an item that two consumers have answered", async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let begun = 0;
    const slow = script(async function* (request) {
      await gates[begun++]?.promise;
      yield* answerWith([textOf(request)]);
    });
    const { client, feed, all, until } = await setUp(slow);
    await client.xAdd("readings", "*", { data: "x" });
    const first = feed();
    await until(async () => expect(begun).toBe(1));
    // As if the first had stood still.
    const [pending] = await client.xPendingRange("readings", "sluice", "-", "+", 1);
    await client.xClaim("readings", "sluice", "another", 0, String(pending?.id), { IDLE: 10_000 });
    const second = feed();
    await until(async () => expect(begun).toBeGreaterThanOrEqual(1));
    for (const { resolve } of gates) resolve();
    await until(async () => expect(await all("verdicts")).toHaveLength(1));
    await first.stop();
    await second.stop();
    expect(await all("verdicts")).toHaveLength(1);
  });

  it("goes on when the broker was away, and loses nothing that the broker keeps", async () => {
    const gate = Promise.withResolvers<void>();
    let begun = 0;
    const slow = script(async function* (request) {
      begun += 1;
      await gate.promise;
      yield* answerWith([textOf(request)]);
    });
    const { client, feed, all, until } = await setUp(slow);
    await client.xAdd("readings", "*", { data: "x" });
    const { stop, context } = feed();
    await until(async () => expect(begun).toBe(1));
    redis().freeze(true);
    gate.resolve();
    redis().freeze(false);
    await until(async () => expect(await all("verdicts")).toHaveLength(1));
    // A server that has forgotten all: the group is made again.
    await redis().restart();
    await context.stderr.until("the broker is back");
    const again = createClient({ url: redis().url });
    await again.connect();
    await again.xAdd("readings", "*", { data: "y" });
    await until(async () => expect(await again.xLen("verdicts")).toBe(1));
    again.destroy();
    await stop();
  });

  it("drops by its policy what comes too fast, acknowledges it, and tells of it", async () => {
    const gate = Promise.withResolvers<void>();
    const slow = script(async function* (request) {
      await gate.promise;
      yield* answerWith([textOf(request)]);
    });
    const { client, feed, all, until } = await setUp(slow);
    for (let number = 0; number < 200; number++) {
      await client.xAdd("readings", "*", { data: JSON.stringify({ sensor: `s${number % 4}`, input: String(number) }) });
    }
    const { stop, context } = feed({
      preset: "sensor",
      json: true,
      key: "sensor",
      overload: "latest",
      buffer: "8",
      inFlight: "1",
    });
    await until(async () => {
      const { pending } = await client.xPending("readings", "sluice");
      const [group] = await client.xInfoGroups("readings");
      expect(Number(group?.lag ?? 0)).toBe(0);
      expect(pending).toBeLessThan(30);
    });
    gate.resolve();
    await until(async () => expect((await client.xPending("readings", "sluice")).pending).toBe(0));
    const keys = (await all("verdicts")).map(({ key }) => key);
    expect(new Set(keys).size).toBe(4);
    await stop();
    const [, answered, dropped] = /200 items taken, (\d+) answered, 0 to the dead letters, (\d+) dropped/.exec(
      context.stderr.text(),
    ) ?? ["", "0", "0"];
    expect(Number(answered) + Number(dropped)).toBe(200);
    expect(Number(dropped)).toBeGreaterThan(100);
  });

  it.each([
    [{ broker: "amqp://x" }, "no URL of a broker"],
    [{ broker: "redis://:secret@" }, "no URL of a broker"],
    [{ to: "readings" }, "three names"],
    [{ tries: "0" }, "--tries"],
    [{ claimAfter: "1ms" }, "--claim-after"],
  ])("refuses %o", async (flags, words) => {
    const code = feedItems({ ...DEFAULTS, url: "http://127.0.0.1:1", broker: redis().url, ...flags }, fakeContext());
    await expect(code).rejects.toThrow(words);
    await expect(code).rejects.not.toThrow("secret");
  });
});
