import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { feedItems } from "../../src/cli/feed/feed.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { fakeContext } from "../cli/fake-context.ts";
import { type NatsServer, startNats } from "../fixtures/nats-server.ts";
import { answerWith, createTestApp, listenAsGateway, script } from "../http/support.ts";
import { preset } from "../prompts/support.ts";

const ECHO = preset('template: "{{input}}"', "echo");

const DEFAULTS = {
  ...{ from: "readings.>", to: "verdicts", group: "sluice", preset: "echo" },
  ...{ inFlight: "4", overload: "wait", buffer: "16", tries: "3", claimAfter: "60s", class: "batch" },
};

const GROUP = { durable_name: "sluice", filter_subject: "readings.>", ack_policy: AckPolicy.Explicit };
const PROBE = { ...GROUP, durable_name: "probe" };

let server: NatsServer;
beforeAll(async () => {
  server = await startNats();
});
afterAll(() => server[Symbol.asyncDispose]());

function textOf({ prompt }: GenerationRequest): string {
  const message = prompt.type === "chat" ? prompt.messages.at(-1) : undefined;
  return String(message?.content ?? "");
}

const echo = script(async function* (request) {
  yield* answerWith([textOf(request).toUpperCase()]);
});

/** Answers a text only when the gate is open, and counts how often it was asked for each. */
function heldAt(held: string) {
  const gate = Promise.withResolvers<void>();
  const begun = new Map<string, number>();
  const generate = script(async function* (request) {
    const text = textOf(request);
    begun.set(text, (begun.get(text) ?? 0) + 1);
    if (text === held) await gate.promise;
    yield* answerWith([text.toUpperCase()]);
  });
  return { gate, begun, generate };
}

/** Streams for items and results, empty; a gateway; and the command. */
async function setUp(generate = echo) {
  const gateway = await listenAsGateway(createTestApp({ generate, presets: [ECHO] }).app);
  const connection = await connect({
    servers: new URL(server.url).host,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
  });
  const manager = await jetstreamManager(connection);
  const js = jetstream(connection);
  await manager.streams.add({ name: "readings", subjects: ["readings.>"] });
  await manager.streams.add({ name: "verdicts", subjects: ["verdicts", "verdicts.dead"] });
  onTestFinished(async () => {
    await manager.streams.delete("readings");
    await manager.streams.delete("verdicts");
    await connection.close();
    await gateway[Symbol.asyncDispose]();
  });
  const feed = (flags: Readonly<Record<string, string | boolean>> = {}) => {
    const context = fakeContext();
    const code = feedItems({ ...DEFAULTS, url: gateway.url, broker: server.url, ...flags }, context, {
      leaveMs: 200,
      tellMs: 10_000,
    });
    code.catch(() => {});
    return {
      ...{ context, code },
      async stop() {
        context.process.emit("SIGINT", "SIGINT");
        await expect(code).rejects.toThrow("SIGINT");
      },
    };
  };
  const publish = (text: string, msgID?: string) =>
    js.publish("readings.a", text, { ...(msgID !== undefined && { msgID }) });
  /** What is in the results' stream. */
  const results = async () => {
    const { state } = await manager.streams.info("verdicts");
    const all: Record<string, unknown>[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const stored = await manager.streams.getMessage("verdicts", { seq });
      if (stored !== null) all.push({ subject: stored.subject, ...stored.json<Record<string, unknown>>() });
    }
    return all;
  };
  const until = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 20 });
  const pending = async () => (await manager.consumers.info("readings", "sluice")).num_ack_pending;
  return { manager, js, feed, publish, results, until, pending };
}

describe("sluice feed, from NATS JetStream", () => {
  it("answers each message once, under its id, and acknowledges it", async () => {
    const { feed, publish, results, until, pending } = await setUp();
    await publish("one", "first");
    await publish("two");
    const { stop, context } = feed();
    await until(async () => expect(await results()).toHaveLength(2));
    await publish("three");
    await until(async () => expect(await results()).toHaveLength(3));
    expect((await results()).toSorted((a, b) => String(a.output).localeCompare(String(b.output)))).toEqual([
      { subject: "verdicts", id: "first", output: "ONE" },
      { subject: "verdicts", id: "readings-3", output: "THREE" },
      { subject: "verdicts", id: "readings-2", output: "TWO" },
    ]);
    await until(async () => expect(await pending()).toBe(0));
    await stop();
    expect(context.stderr.text()).toContain("3 items taken, 3 answered, 0 to the dead letters, 0 dropped");
  });

  it("sends what can't be answered to the dead letters, with the reason, and takes it from the source", async () => {
    const { feed, publish, results, until, pending } = await setUp();
    await publish('{"input":"x","colour":"red"}', "bad");
    await publish("no object", "text");
    const { stop } = feed({ json: true });
    await until(async () => expect(await results()).toHaveLength(2));
    const found = await results();
    expect(found.find(({ id }) => id === "bad")).toMatchObject({
      ...{ subject: "verdicts.dead", input: '{"input":"x","colour":"red"}', tries: 1 },
      error: expect.stringContaining("colour"),
    });
    expect(found.find(({ id }) => id === "text")?.error).toContain("an item is a JSON object");
    await until(async () => expect(await pending()).toBe(0));
    await stop();
  });

  it("cuts a dead letter that is larger than the server takes, and answers those behind it", async () => {
    const { feed, publish, results, until, pending } = await setUp();
    // Written as JSON it is twice as long: more than the 1 MB of a server.
    const quotes = '"'.repeat(680_000);
    await publish(quotes, "quotes");
    await publish('{"input":"good"}', "good");
    const { stop, context } = feed({ json: true });
    await until(async () => expect(await results()).toHaveLength(2));
    const found = await results();
    expect(found.find(({ id }) => id === "good")).toMatchObject({ subject: "verdicts", output: "GOOD" });
    expect(found.find(({ id }) => id === "quotes")).toEqual({
      ...{
        subject: "verdicts.dead",
        id: "quotes",
        tries: 1,
        error: expect.stringContaining("an item is a JSON object"),
      },
      ...{ input: quotes.slice(0, 340_000), input_cut: true, input_length: 680_000 },
    });
    await until(async () => expect(await pending()).toBe(0));
    await stop();
    expect(context.stderr.text()).not.toContain("can't be written");
  });

  it.each(["server", "stream"])("makes a result that is larger than the %s takes a dead letter", async (by) => {
    const long = script(async function* (request) {
      const text = textOf(request);
      yield* answerWith([text === "long" ? '"'.repeat(by === "server" ? 680_000 : 4_000) : text.toUpperCase()]);
    });
    const { manager, feed, publish, results, until, pending } = await setUp(long);
    if (by === "stream") await manager.streams.update("verdicts", { max_msg_size: 2_000 });
    await publish("long", "long");
    await publish("good", "good");
    const { stop, context } = feed();
    await until(async () => expect(await results()).toHaveLength(2));
    const found = await results();
    expect(found.find(({ id }) => id === "good")).toMatchObject({ subject: "verdicts", output: "GOOD" });
    expect(found.find(({ id }) => id === "long")).toMatchObject({
      ...{ subject: "verdicts.dead", input: "long", tries: 1 },
      error: expect.stringMatching(/^Its answer of \d+ characters is larger than the broker takes\.$/),
    });
    await until(async () => expect(await pending()).toBe(0));
    await stop();
    expect(context.stderr.text()).toContain("2 items taken, 1 answered, 1 to the dead letters");
  });

  it("says while an answer takes long that it is being made, so that it isn't delivered again", async () => {
    const { gate, begun, generate } = heldAt("slow");
    const { manager, js, feed, publish, results, until } = await setUp(generate);
    await publish("slow");
    const { stop } = feed({ claimAfter: "3s" });
    await until(() => expect(begun.get("slow")).toBe(1));
    // A message that nobody acknowledges tells when the time is over.
    await manager.consumers.add("readings", { ...PROBE, ack_wait: 3_000_000_000 });
    const probe = await js.consumers.get("readings", PROBE.durable_name);
    expect((await probe.next())?.info.deliveryCount).toBe(1);
    expect((await probe.next())?.info.deliveryCount).toBe(2);
    expect(begun.get("slow")).toBe(1);
    expect((await manager.consumers.info("readings", "sluice")).num_redelivered).toBe(0);
    gate.resolve();
    await until(async () => expect((await results()).map(({ output }) => output)).toEqual(["SLOW"]));
    await stop();
  });

  it("takes over what another consumer has left, and gives up what was delivered too often", async () => {
    const { manager, js, feed, publish, results, until } = await setUp();
    await manager.consumers.add("readings", { ...GROUP, ack_wait: 300_000_000 });
    const other = await js.consumers.get("readings", "sluice");
    await publish("poison", "poison");
    for (let time = 0; time < 3; time++) (await other.next())?.nak();
    await publish("left", "left");
    // One of both is delivered, and neither is ever acknowledged.
    await other.next();
    const { stop } = feed();
    await until(async () => expect(await results()).toHaveLength(2));
    expect((await results()).toSorted((a, b) => String(a.id).localeCompare(String(b.id)))).toMatchObject([
      { id: "left", output: "LEFT" },
      { subject: "verdicts.dead", id: "poison", error: expect.stringMatching(/^It was delivered \d times\.$/) },
    ]);
    await stop();
  });

  it("stores one result for a message that was answered twice", async () => {
    const { manager, feed, publish, results, until, pending } = await setUp();
    await publish("one");
    const first = feed();
    await until(async () => expect(await results()).toHaveLength(1));
    await first.stop();
    // As an operator does who wants all to be delivered again.
    await manager.consumers.delete("readings", "sluice");
    const second = feed();
    await second.context.stderr.until("takes items");
    await publish("two");
    await until(async () => expect((await results()).map(({ output }) => output)).toEqual(["ONE", "TWO"]));
    await until(async () => expect(await pending()).toBe(0));
    await second.stop();
    expect(second.context.stderr.text()).toContain("2 items taken, 2 answered");
    expect(await results()).toHaveLength(2);
  });

  it("goes on when the broker was killed and is back, and loses nothing", async () => {
    const { gate, begun, generate } = heldAt("before");
    const { feed, publish, results, until, pending } = await setUp(generate);
    await publish("before");
    const { stop, context } = feed();
    await until(() => expect(begun.get("before")).toBe(1));
    await server.kill();
    await context.stderr.until("the broker is away");
    gate.resolve();
    await context.stderr.until("a result can't be written yet");
    await server.start();
    await context.stderr.until("the broker is back");
    await until(() => publish("after"));
    await until(async () =>
      expect((await results()).map(({ output }) => output).toSorted()).toEqual(["AFTER", "BEFORE"]),
    );
    await until(async () => expect(await pending()).toBe(0));
    await stop();
  });

  it("leaves what it has not answered to others at once when it is stopped", async () => {
    const { begun, generate, gate } = heldAt("x");
    const { feed, publish, results, until } = await setUp(generate);
    await publish("x");
    const first = feed();
    await until(() => expect(begun.get("x")).toBe(1));
    await first.stop();
    gate.resolve();
    const second = feed();
    await until(async () => expect((await results()).map(({ output }) => output)).toEqual(["X"]));
    await second.stop();
  });

  it.each([
    [{ from: "nowhere.>" }, "no stream has the subject nowhere.> of --from"],
    [{ dead: "elsewhere" }, "no stream has the subject elsewhere of --dead"],
    [{ to: "verdicts.*" }, "--to and --dead must be subjects without"],
    [{ group: "a.b" }, "--group"],
  ])("refuses %o, and says what to do", async (flags, words) => {
    const { feed } = await setUp();
    await expect(feed(flags).code).rejects.toThrow(words);
  });

  it("refuses a group that takes other subjects", async () => {
    const { manager, feed } = await setUp();
    await manager.consumers.add("readings", { ...GROUP, filter_subject: "readings.b" });
    await expect(feed().code).rejects.toThrow("takes readings.b, not readings.>. Name another --group");
  });
});
