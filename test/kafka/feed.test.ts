import { Admin, Consumer, Producer, stringSerializers } from "@platformatic/kafka";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { feedItems } from "../../src/cli/feed/feed.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { fakeContext } from "../cli/fake-context.ts";
import { type KafkaServer, startKafka } from "../fixtures/kafka-server.ts";
import { answerWith, createTestApp, listenAsGateway, script } from "../http/support.ts";
import { preset } from "../prompts/support.ts";

const ECHO = preset('template: "{{input}}"', "echo");

const DEFAULTS = {
  ...{ preset: "echo", inFlight: "4", overload: "wait", buffer: "16", tries: "3", claimAfter: "6s", class: "batch" },
};
const TIMES = { leaveMs: 200, tellMs: 10_000 };

/** A broker of Java takes its time on a busy machine. */
const START_MS = 300_000;

let server: KafkaServer;
beforeAll(async () => {
  server = await startKafka();
}, START_MS);
afterAll(() => server[Symbol.asyncDispose]());

function textOf({ prompt }: GenerationRequest): string {
  const message = prompt.type === "chat" ? prompt.messages.at(-1) : undefined;
  return String(message?.content ?? "");
}

/** Answers texts as they come, but those that are held only when they are let go; and counts how often it was asked for each. */
function holdingModel(...texts: readonly string[]) {
  const gates = new Map(texts.map((text) => [text, Promise.withResolvers<void>()]));
  const begun: string[] = [];
  const generate = script(async function* (request) {
    const text = textOf(request);
    begun.push(text);
    await gates.get(text)?.promise;
    yield* answerWith([text.toUpperCase()]);
  });
  return { generate, begun, letGo: (text: string) => gates.get(text)?.resolve() };
}

let tests = 0;

/** Topics of its own for a test, a gateway, who sends and who reads results, and the command. */
async function setUp(model = holdingModel(), partitions = 1) {
  tests += 1;
  const names = {
    from: `readings-${tests}`,
    to: `verdicts-${tests}`,
    dead: `verdicts-${tests}.dead`,
    group: `sluice-${tests}`,
  };
  const bootstrapBrokers = [new URL(server.url).host];
  const base = { clientId: "test", bootstrapBrokers, retries: 60, retryDelay: 500 };
  const admin = new Admin(base);
  await admin.createTopics({ topics: [names.from, names.to, names.dead], partitions, replicas: 1 });
  const producer = new Producer({ ...base, serializers: stringSerializers });
  const gateway = await listenAsGateway(createTestApp({ generate: model.generate, presets: [ECHO] }).app);
  onTestFinished(async () => {
    await producer.close();
    await admin.close();
    await gateway[Symbol.asyncDispose]();
  });
  const feed = (flags: Readonly<Record<string, string | boolean>> = {}) => {
    const context = fakeContext();
    const code = feedItems({ ...DEFAULTS, ...names, url: gateway.url, broker: server.url, ...flags }, context, TIMES);
    code.catch(() => {});
    return {
      ...{ context, code },
      async stop() {
        context.process.emit("SIGINT", "SIGINT");
        await expect(code).rejects.toThrow("SIGINT");
      },
    };
  };
  const send = (texts: readonly string[], more: object = {}) =>
    producer.send({ messages: texts.map((value) => ({ topic: names.from, key: value, value, ...more })), acks: -1 });
  /** What is in a topic, from its beginning. */
  async function read(topic: string) {
    const reader = new Consumer({ ...base, groupId: `reader-${crypto.randomUUID()}` });
    const ends = await reader.listOffsets({ topics: [topic] });
    const count = (ends.get(topic) ?? []).reduce((sum, end) => sum + Number(end), 0);
    const stream = await reader.consume({ topics: [topic], mode: "earliest", autocommit: false, maxWaitTime: 100 });
    const found: Record<string, unknown>[] = [];
    if (count > 0) {
      for await (const { key, value, headers } of stream) {
        const ids = [...headers].map(([, id]) => id.toString());
        found.push({ ...JSON.parse(value.toString()), keyed: key?.toString(), ids });
        if (found.length === count) break;
      }
    }
    await reader.close(true);
    return found;
  }
  /** How many results there are. */
  const count = async (topic: string) => {
    const counter = new Consumer({ ...base, groupId: "counter" });
    const ends = await counter.listOffsets({ topics: [topic] });
    await counter.close(true);
    return (ends.get(topic) ?? []).reduce((sum, end) => sum + Number(end), 0);
  };
  /** Where the group goes on, by partition. */
  const committed = async () => {
    const asking = new Consumer({ ...base, groupId: names.group });
    const found = await asking.listCommittedOffsets({
      topics: [{ topic: names.from, partitions: Array.from({ length: partitions }, (_, number) => number) }],
    });
    await asking.close(true);
    return (found.get(names.from) ?? []).map(Number);
  };
  const until = (check: () => unknown) => vi.waitFor(check, { timeout: 60_000, interval: 100 });
  return { names, feed, send, read, count, committed, until };
}

describe("sluice feed, from Kafka", () => {
  it("answers each message, with its key and under its id, and commits how far it is", async () => {
    const { names, feed, send, read, count, committed, until } = await setUp();
    await send(["one"], { headers: { id: "first" } });
    await send(["two"]);
    const { stop, context } = feed();
    await until(async () => expect(await count(names.to)).toBe(2));
    await until(async () => expect(await committed()).toEqual([2]));
    expect((await read(names.to)).toSorted((a, b) => String(a.output).localeCompare(String(b.output)))).toEqual([
      { id: "first", output: "ONE", keyed: "one", ids: ["first"] },
      { id: `${names.from}-0-1`, output: "TWO", keyed: "two", ids: [`${names.from}-0-1`] },
    ]);
    await stop();
    expect(context.stderr.text()).toContain("2 items taken, 2 answered, 0 to the dead letters, 0 dropped");
  });

  it("commits only up to where all are answered, and answers the others again", async () => {
    const model = holdingModel("b");
    const { names, feed, send, count, committed, until } = await setUp(model);
    await send(["a", "b", "c", "d"]);
    const first = feed();
    await until(async () => expect(await count(names.to)).toBe(3));
    await until(async () => expect(await committed()).toEqual([1]));
    await first.stop();
    model.letGo("b");
    const second = feed();
    await until(async () => expect(await committed()).toEqual([4]));
    await second.stop();
    expect(model.begun.toSorted()).toEqual(["a", "b", "b", "c", "c", "d", "d"]);
  });

  it("sends what can't be answered to the dead letters, with the reason", async () => {
    const { names, feed, send, read, count, until, committed } = await setUp();
    await send(['{"input":"x","colour":"red"}'], { key: "k", headers: { id: "bad" } });
    await send(["no object"]);
    const { stop } = feed({ json: true });
    await until(async () => expect(await count(names.dead)).toBe(2));
    await until(async () => expect(await committed()).toEqual([2]));
    const found = await read(names.dead);
    expect(found.find(({ id }) => id === "bad")).toMatchObject({
      ...{ input: '{"input":"x","colour":"red"}', keyed: "k", ids: ["bad"] },
      error: expect.stringContaining("colour"),
    });
    expect(found.find(({ input }) => input === "no object")?.error).toContain("an item is a JSON object");
    await stop();
  });

  it("shares the partitions with others of the group, also with one that comes later or goes", async () => {
    const { names, feed, send, read, count, committed, until } = await setUp(holdingModel(), 4);
    const texts = (part: string) => Array.from({ length: 20 }, (_, number) => `${part}${number}`);
    const first = feed();
    await send(texts("a"));
    await until(async () => expect(await count(names.to)).toBeGreaterThanOrEqual(20));
    const second = feed();
    await second.context.stderr.until("takes items");
    await send(texts("b"));
    await until(async () => expect((await committed()).reduce((sum, offset) => sum + offset, 0)).toBe(40));
    await first.stop();
    await send(texts("c"));
    await until(async () => expect((await committed()).reduce((sum, offset) => sum + offset, 0)).toBe(60));
    await second.stop();
    const outputs = new Set((await read(names.to)).map(({ output }) => output));
    expect(outputs).toEqual(new Set([...texts("A"), ...texts("B"), ...texts("C")]));
  });

  it("goes on when the broker was killed and is back, and loses nothing", async () => {
    const model = holdingModel("before");
    const { names, feed, send, read, committed, until } = await setUp(model);
    await send(["before"]);
    const { stop, context } = feed();
    await until(() => expect(model.begun).toContain("before"));
    await server.kill();
    model.letGo("before");
    await context.stderr.until("a result can't be written yet");
    await server.start();
    await send(["after"]);
    await until(async () => expect(await committed()).toEqual([2]));
    expect(new Set((await read(names.to)).map(({ output }) => output))).toEqual(new Set(["BEFORE", "AFTER"]));
    await stop();
  });

  it("cuts a dead letter that is larger than the broker takes, and answers those behind it", async () => {
    const { names, feed, send, read, count, until, committed } = await setUp();
    // Written as JSON it is twice as long: more than the 1 MB of a topic.
    await send(['"'.repeat(680_000)], { key: "k", headers: { id: "quotes" } });
    await send(['{"input":"good"}']);
    const { stop } = feed({ json: true });
    await until(async () => expect(await count(names.to)).toBe(1));
    await until(async () => expect(await committed()).toEqual([2]));
    expect(await read(names.dead)).toEqual([
      {
        ...{ id: "quotes", input: '"'.repeat(340_000), input_cut: true, input_length: 680_000 },
        ...{ error: expect.stringContaining("an item is a JSON object"), keyed: "k", ids: ["quotes"] },
      },
    ]);
    await stop();
  });

  it.each([
    [{ from: "nowhere" }, "nowhere"],
    [{ to: "a/b" }, "must be topics"],
  ])("refuses %o, and says what to do", async (flags, words) => {
    const { feed } = await setUp();
    await expect(feed(flags).code).rejects.toThrow(words);
  });
});
