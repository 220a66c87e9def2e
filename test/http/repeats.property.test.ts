import { once } from "node:events";
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { text as readText } from "node:stream/consumers";
import fc from "fast-check";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { answerRepeats } from "../../src/cache/layer.ts";
import { createRepeats, type Repeats } from "../../src/cache/repeats.ts";
import { controlCache, createCacheCounter } from "../../src/cache/stats.ts";
import { createAnswerStore } from "../../src/cache/store.ts";
import { composeEmbed } from "../../src/generation/embedding.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { compose } from "../../src/generation/layer.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { createApp } from "../../src/http/app.ts";
import { type Kept, standInFront } from "../../src/http/repeats/lane.ts";
import { listen } from "../../src/http/server.ts";
import { createCounters } from "../../src/keys/counters.ts";
import type { FixedKeys } from "../../src/keys/fixed.ts";
import { type Key, type KeyPolicy, policySchema } from "../../src/keys/key.ts";
import { holdToLimits } from "../../src/keys/layer.ts";
import { issueKey, revokeKey } from "../../src/keys/manage.ts";
import { createMeter } from "../../src/keys/meter.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { hashSecret } from "../../src/keys/secret.ts";
import { createUsageBook } from "../../src/keys/usage.ts";
import { fixedPresets, type PresetLibrary } from "../../src/prompts/library.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import { route, routeEmbeddings } from "../../src/routing/route.ts";
import { answerRoutes } from "../../src/routing/routed.ts";
import { openKeyState } from "../../src/store/state.ts";
import { servedModel } from "../fixtures/served-model.ts";
import { silent } from "../keys/support.ts";
import { preset } from "../prompts/support.ts";
import { openState, temporaryFolder } from "../store/support.ts";

const START_MS = Date.parse("2026-11-22T12:00:00Z");
/** A time that is in no answer. */
const LATER_MS = START_MS + 60_000;
const TTL_MS = 60_000;

const WIDE = {
  ...{ headerTimeoutMs: 60_000, bodyTimeoutMs: 60_000, minBodyRate: 1, keepAliveMs: 60_000, readTimeoutMs: 60_000 },
  ...{ maxConnections: 1_000, host: "127.0.0.1", port: 0 },
};

/** Words that a template could take for what differs each time, and some that are not ASCII. */
const WORDS = ["Hello", " \u{1f600}", ' "created":1795348800,', " chatcmpl-0", "\n", " größer", " 1795348801"];

/** An answer that depends on the prompt's length alone. */
async function* generate({ prompt, choices, tools }: GenerationRequest): AsyncIterable<GenerationEvent> {
  const said = prompt.type === "chat" ? (prompt.messages.at(-1)?.content.length ?? 0) : 3;
  yield { type: "started", promptTokens: 10 + said, cachedTokens: 4 };
  for (let choice = 0; choice < choices; choice++) {
    if (said % 5 === 4) yield { type: "reasoning", choice, text: "Hm." };
    for (let index = 0; index < said; index++) {
      yield { type: "text", choice, text: WORDS[(said * 3 + index) % WORDS.length] ?? "" };
    }
    if (tools !== undefined) {
      yield { type: "toolCall", choice, index: 0, id: "call_1", name: tools.tools[0]?.name ?? "" };
      yield { type: "toolArguments", choice, index: 0, text: "{}" };
    }
    const reason = tools === undefined ? "stop" : "tool_calls";
    yield { type: "finished", choice, reason, completionTokens: said + 1 };
  }
}

type World = ReturnType<typeof createWorld>;

/** What two gateways have in common: time, keys, models and presets. */
function createWorld(policies: readonly Partial<KeyPolicy>[] = []) {
  const folder = temporaryFolder();
  const clock = { ms: START_MS };
  const now = () => clock.ms;
  const beside = openKeyState(folder.file);
  const keys = policies.map((policy, index) =>
    issueKey(beside.keys, { name: `key ${index}`, expiresMs: undefined, policy: policySchema.parse(policy) }, now()),
  );
  const secret = "sk-of-the-file";
  let ofFile = fixedKey({});
  const fixed: FixedKeys = {
    byHash: (hash) => (hash === hashSecret(secret) ? ofFile : undefined),
    byId: (id) => (id === ofFile.id ? ofFile : undefined),
    list: () => (policies.length > 0 ? [ofFile] : []),
  };
  const models = createModelDirectory([servedModel({ id: "one", aliases: ["uno"], generate, identity: () => "1" })]);
  let presets = presetsOf("Be brief.");
  return {
    ...{ folder, clock, now, models, fixed },
    /** Those of the state file first. */
    secrets: [...keys.map((key) => key.secret), ...(policies.length > 0 ? [secret] : [])],
    changePolicy(policy: Partial<KeyPolicy>) {
      ofFile = fixedKey(policy);
    },
    presets: {
      list: () => presets.list(),
      find: (reference) => presets.find(reference),
      edition: () => presets.edition(),
      reload: async () => {},
    } satisfies PresetLibrary,
    changePreset(text: string) {
      presets = presetsOf(text);
    },
    changeModels() {
      const other = models.find("other");
      if (other === undefined) models.add(servedModel({ id: "other", generate, identity: () => "2" }));
      else models.remove("other");
    },
    revoke(index: number) {
      const key = keys[index];
      if (key !== undefined && beside.keys.get(key.record.id) !== undefined) revokeKey(beside.keys, key.record.id);
    },
    [Symbol.dispose]() {
      beside.close();
      folder[Symbol.dispose]();
    },
  };
}

function fixedKey(policy: Partial<KeyPolicy>): Key {
  return { id: "file", name: "of the file", source: "file", expiresMs: undefined, policy: policySchema.parse(policy) };
}

function presetsOf(text: string): PresetLibrary {
  return fixedPresets([preset(`model: one\nsystem: "${text}"\n`, "brief")]);
}

/** A gateway that listens, with or without what stands in front of its app. */
async function startGateway(world: World, hasFront: boolean) {
  const { now, models, presets } = world;
  const state = openState({ file: world.folder.file });
  const keys = createKeyRing({ store: state.keys, fixed: world.fixed, now });
  const usage: object[] = [];
  const book = createUsageBook({ store: { add: (rows) => void usage.push(...rows) }, logger: silent, now });
  const meter = createMeter({ counters: createCounters({ now }), usage: book, now, random: () => 0 });
  const access = { keys, meter, flush: book.flush };
  const limits = { maxBytes: 1_000_000, ttlMs: TTL_MS, now, random: () => 0 };
  let repeats: (Repeats<Kept> & { readonly forget: (id: object) => void }) | undefined;
  const store = createAnswerStore({ ...limits, onGone: (id) => repeats?.forget(id) });
  const identify = (model: string) => models.find(model)?.identity();
  const counter = createCacheCounter();
  const through = compose(
    [
      holdToLimits(keys, meter),
      answerRoutes(models.find, (asked, next) => next(asked)),
      answerRepeats({ store, identify, now, onNews: counter.note }),
    ],
    route(models),
  );
  const log: Record<string, unknown>[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void log.push(JSON.parse(line)) });
  const noted: object[] = [];
  const noteAnswer = (answer: object) => () => void noted.push(answer);
  const settings = { maxBodyBytes: 1_048_576, corsOrigins: [], hosts: { bound: "127.0.0.1", allowed: [] } };
  const app = createApp({
    ...{
      generate: through,
      embed: composeEmbed([], routeEmbeddings(models)),
      models,
      presets,
      settings,
      state,
      access,
    },
    ...{ cache: controlCache(store, counter, limits.maxBytes), logger, noteAnswer, now },
  });
  let passed = 0;
  const opened = createRepeats<Kept>({ ...limits, store, identify });
  repeats = opened;
  const deps = { repeats: opened, generate: through, access, models, presets, settings, logger, noteAnswer, now };
  const { server, url, drain } = await listen(
    {
      fetch(...call) {
        passed += 1;
        return app.fetch(...call);
      },
    },
    { ...WIDE, ...(hasFront && { front: (listener) => standInFront(deps, listener) }) },
  );
  const agent = new Agent({ keepAlive: true });
  return {
    ...{ log, noted, usage, app, server, drain, url, port: Number(new URL(url).port) },
    repeats: opened,
    passed: () => passed,
    counts: counter.counts,
    flush: book.flush,
    clear: () => store.clear(),
    async ask({ path, body, headers }: Asked) {
      const client = request({ port: Number(new URL(url).port), path, method: "POST", agent, headers });
      client.end(body);
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      client.on("error", reject);
      client.on("response", (response) => {
        const { statusCode: status = 0, rawHeaders, headers: answered } = response;
        readText(response).then((text) => resolve({ status, rawHeaders, headers: answered, text }), reject);
      });
      return promise;
    },
    async [Symbol.asyncDispose]() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
      state.close();
    },
  };
}

type Asked = { readonly path: string; readonly body: string; readonly headers: Readonly<Record<string, string>> };
type Answer = {
  readonly status: number;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
};

/** Puts the same for all that differs each time. */
function withoutIds({ status, rawHeaders, text }: Answer) {
  return {
    status,
    rawHeaders: rawHeaders.map((value, index) =>
      /^(date|x-request-id|request-id|anthropic-ratelimit-.*-reset)$/i.test(rawHeaders[index - 1] ?? "") ? "" : value,
    ),
    text: text.replaceAll(
      /"(id|item_id|request_id)":"(?:chatcmpl|cmpl|msg|req|resp|rs|fc)[-_][0-9a-f]{24,48}"/g,
      '"$1":""',
    ),
  };
}

const messages = [{ role: "user", content: "Hello" }];
const JSON_TYPE = { "content-type": "application/json" };

const conversation = fc
  .record({ length: fc.integer({ min: 1, max: 9 }), time: fc.boolean() })
  .map(({ length, time }) => (time ? "1795348800" : "x".repeat(length)));

const chatBody = fc
  .record({
    content: conversation,
    model: fc.constantFrom("one", "one", "UNO", "preset/brief", "other", "nobody"),
    stream: fc.boolean(),
    n: fc.constantFrom(undefined, 2),
    usage: fc.boolean(),
    tools: fc.boolean(),
    temperature: fc.constantFrom(0, 0, 0, 0, 0, 1),
  })
  .map(({ content, stream, usage, tools, ...rest }) => ({
    path: "/v1/chat/completions",
    body: {
      ...rest,
      messages: [{ role: "user", content }],
      stream,
      ...(stream && usage && { stream_options: { include_usage: true } }),
      ...(tools && {
        tools: [
          { type: "function", function: { name: "f", parameters: { type: "object", properties: {}, $comment: "x" } } },
        ],
      }),
    },
  }));

const completionBody = fc
  .record({ prompt: fc.constantFrom("Hi", ["Hi", "Ho"]), stream: fc.boolean(), echo: fc.boolean() })
  .map((body) => ({ path: "/v1/completions", body: { model: "one", temperature: 0, ...body } }));

const messageBody = fc.record({ content: conversation, stream: fc.boolean() }).map(({ content, stream }) => ({
  path: "/v1/messages",
  body: { model: "one", max_tokens: 64, temperature: 0, messages: [{ role: "user", content }], stream },
}));

const responseBody = fc
  .record({
    input: conversation,
    stream: fc.boolean(),
    store: fc.constantFrom(false, false, true),
    tools: fc.boolean(),
  })
  .map(({ tools, ...body }) => ({
    path: "/v1/responses",
    body: {
      ...{ model: "one", temperature: 0, ...body },
      ...(tools && { tools: [{ type: "function", name: "f", parameters: { type: "object", properties: {} } }] }),
    },
  }));

const anybody = fc.oneof(chatBody, completionBody, messageBody, responseBody);

const fewHeaders = fc.constantFrom<Readonly<Record<string, string>>>(
  ...[{ "cache-control": "no-cache" }, { "cache-control": "no-store" }, { "cache-control": "max-age=20" }],
  ...[{ "cache-control": "only-if-cached" }, { "cache-control": "stale-while-revalidate=90" }, { "user-agent": "x" }],
  ...[{ "sluice-replay": "slow" }, { "x-client-request-id": "mine" }, { host: "evil.example" }],
);

const someHeaders = fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fewHeaders });

type Question = { readonly path: string; readonly body: object };
type Step =
  | {
      readonly type: "ask";
      readonly body: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly key: number;
    }
  | { readonly type: "later"; readonly ms: number }
  | { readonly type: "clear" | "models" }
  | { readonly type: "preset"; readonly text: string }
  | { readonly type: "revoke"; readonly key: number }
  | { readonly type: "policy"; readonly policy: Partial<KeyPolicy> };

const ask = fc.record({
  type: fc.constant("ask" as const),
  body: fc.constantFrom(0, 0, 0, 1, 2),
  headers: someHeaders,
  key: fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 4),
});
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: ask },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("later" as const), ms: fc.constantFrom(1, 900, 21_000, 61_000) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("clear" as const, "models" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("preset" as const), text: fc.constantFrom("A.", "B.") }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("revoke" as const), key: fc.integer({ min: 1, max: 2 }) }) },
);

const POLICIES = [{}, { requestsPerMinute: 4, tokensPerMinute: 900 }, { cache: "always" as const, models: ["one"] }];

/** Has two gateways, of which one sends repeated answers as before, take the same steps. Returns how many it answered so. */
async function compare(policies: readonly Partial<KeyPolicy>[], asked: readonly Question[], steps: readonly Step[]) {
  using world = createWorld(policies);
  await using fast = await startGateway(world, true);
  await using slow = await startGateway(world, false);
  for (const step of steps) {
    switch (step.type) {
      case "ask": {
        const { path, body } = asked[step.body] ?? { path: "/", body: {} };
        const secret = world.secrets[step.key];
        const auth: Readonly<Record<string, string>> =
          secret === undefined ? {} : { authorization: `Bearer ${secret}` };
        const call = { path, body: JSON.stringify(body), headers: { ...JSON_TYPE, ...auth, ...step.headers } };
        const [one, other] = [await fast.ask(call), await slow.ask(call)];
        expect(withoutIds(one)).toEqual(withoutIds(other));
        break;
      }
      case "later":
        world.clock.ms += step.ms;
        break;
      case "clear":
        expect(fast.clear()).toBe(slow.clear());
        expect(fast.repeats.size()).toEqual({ entries: 0, bytes: 0 });
        break;
      case "models":
        world.changeModels();
        break;
      case "preset":
        world.changePreset(step.text);
        break;
      case "revoke":
        world.revoke(step.key);
        break;
      case "policy":
        world.changePolicy(step.policy);
    }
  }
  expect(fast.counts()).toEqual(slow.counts());
  for (const gateway of [fast, slow]) gateway.flush();
  expect(fast.usage).toEqual(slow.usage);
  await new Promise((turn) => setImmediate(turn));
  const lines = (gateway: typeof fast) => gateway.log.map(({ requestId, time, ms, ...line }) => line);
  expect(lines(fast)).toEqual(lines(slow));
  expect(fast.noted).toEqual(slow.noted);
  return slow.passed() - fast.passed();
}

describe("a gateway that repeats stored answers", () => {
  it("answers like one that decodes every request, except for ids and the time", { timeout: 60_000 }, async () => {
    let repeated = 0;
    const bodies = fc.array(anybody, { minLength: 3, maxLength: 3 });
    const anySteps = fc.array(anyStep, { minLength: 15, maxLength: 50, size: "max" });
    await fc.assert(
      fc.asyncProperty(bodies, anySteps, fc.boolean(), async (asked, steps, hasKeys) => {
        repeated += await compare(hasKeys ? POLICIES : [], asked, steps);
      }),
      { numRuns: 40 },
    );
    expect(repeated).toBeGreaterThan(20);
  });

  const asks = (times: number, headers: Readonly<Record<string, string>> = {}, key = 0): Step[] =>
    Array.from({ length: times }, () => ({ type: "ask", body: 0, headers, key }));
  const FIXED = 1;
  it.each<[change: string, repeated: number, policies: Partial<KeyPolicy>[], fields: object, steps: Step[]]>([
    [
      "the preset has another text",
      4,
      [],
      { model: "preset/brief" },
      [...asks(4), { type: "preset", text: "X." }, ...asks(4)],
    ],
    [
      "a model comes and goes",
      5,
      [],
      { model: "other" },
      [{ type: "models" }, ...asks(4), { type: "models" }, ...asks(2), { type: "models" }, ...asks(4)],
    ],
    ["the key is revoked", 2, [{}], {}, [...asks(4), { type: "revoke", key: 0 }, ...asks(2)]],
    [
      "the key may use other models",
      2,
      [{}],
      {},
      [...asks(4, {}, FIXED), { type: "policy", policy: { models: ["other"] } }, ...asks(2, {}, FIXED)],
    ],
    [
      "the key has another class",
      5,
      [{}],
      {},
      [...asks(4, {}, FIXED), { type: "policy", policy: { class: "batch" } }, ...asks(4, {}, FIXED)],
    ],
    [
      "the key has no requests left",
      2,
      [{ requestsPerMinute: 4 }],
      {},
      [...asks(9), { type: "later", ms: 60_000 }, ...asks(2)],
    ],
    [
      "the key has few tokens left",
      2,
      [{ tokensPerMinute: 300 }],
      {},
      [...asks(4), { type: "ask", body: 1, headers: {}, key: 0 }, ...asks(2)],
    ],
    [
      "a long stream of a key with a limit is sent",
      2,
      [{ tokensPerMinute: 2_000 }],
      { stream: true, messages: [{ role: "user", content: "x".repeat(400) }] },
      asks(4),
    ],
    ["the answer is old", 2, [], {}, [...asks(4), { type: "later", ms: 61_000 }, ...asks(2)]],
    [
      "the answer is old and may be",
      2,
      [],
      {},
      [
        ...asks(4, { "cache-control": "stale-while-revalidate=90" }),
        { type: "later", ms: 61_000 },
        ...asks(1, { "cache-control": "stale-while-revalidate=90" }),
      ],
    ],
    [
      "the answer is older than the client wants",
      2,
      [],
      {},
      [
        ...asks(4, { "cache-control": "max-age=20" }),
        { type: "later", ms: 21_000 },
        ...asks(1, { "cache-control": "max-age=20" }),
      ],
    ],
    ["another answer is stored", 5, [], {}, [...asks(4), ...asks(1, { "cache-control": "no-cache" }), ...asks(4)]],
    ["the cache is cleared", 4, [], {}, [...asks(4), { type: "clear" }, ...asks(4)]],
    [
      "a proxy numbers the requests",
      3,
      [],
      {},
      [...asks(3), ...asks(1, { "x-request-id": "7" }), ...asks(1, { traceparent: "00-1" })],
    ],
  ])("answers alike when %s", async (_, repeated, policies, fields, steps) => {
    const body = { model: "one", temperature: 0, messages, ...fields };
    const settled: Step = { type: "later", ms: LATER_MS - START_MS };
    const other = { ...body, messages: [{ role: "user", content: "Hello!" }] };
    const asked = [body, other].map((each) => ({ path: "/v1/chat/completions", body: each }));
    expect(await compare(policies, asked, [settled, ...steps])).toBe(repeated);
  });
});

const chat = (fields: object = {}) => ({
  path: "/v1/chat/completions",
  body: JSON.stringify({ model: "one", temperature: 0, messages, ...fields }),
  headers: JSON_TYPE,
});

describe("a request that is sent again, byte for byte,", () => {
  it.each([
    ["a chat", "/v1/chat/completions", { messages }],
    ["a streamed chat", "/v1/chat/completions", { messages, stream: true }],
    ["a completion", "/v1/completions", { prompt: "Hi" }],
    ["a streamed completion", "/v1/completions", { prompt: "Hi", stream: true }],
    ["a message", "/v1/messages", { messages, max_tokens: 9 }],
    ["a response", "/v1/responses", { input: "Hi", store: false }],
    ["a streamed response", "/v1/responses", { input: "Hi", store: false, stream: true }],
    ["a streamed message", "/v1/messages", { messages, max_tokens: 9, stream: true }],
  ])("%s, doesn't reach the app a third time, and gets another id", async (_, path, fields) => {
    using world = createWorld();
    world.clock.ms = LATER_MS;
    await using gateway = await startGateway(world, true);
    const call = { path, body: JSON.stringify({ model: "one", temperature: 0, ...fields }), headers: JSON_TYPE };
    const [, second, third] = [await gateway.ask(call), await gateway.ask(call), await gateway.ask(call)];
    expect(gateway.passed()).toBe(2);
    expect(third.text).not.toBe(second.text);
    expect(third.headers["x-request-id"]).not.toBe(second.headers["x-request-id"]);
    expect(withoutIds(third)).toEqual(withoutIds(second));
  });

  it("gets its own answer when many are sent at once", async () => {
    using world = createWorld();
    world.clock.ms = LATER_MS;
    await using gateway = await startGateway(world, true);
    const calls = Array.from({ length: 9 }, (_, index) =>
      chat({ stream: index % 2 === 0, messages: [{ role: "user", content: "x".repeat(40 * index + 1) }] }),
    );
    const expected: ReturnType<typeof withoutIds>[] = [];
    for (const call of calls) {
      await gateway.ask(call);
      expected.push(withoutIds(await gateway.ask(call)));
    }
    const passed = gateway.passed();
    const crowd = Array.from({ length: 270 }, (_, index) => index % calls.length);
    const answers = await Promise.all(crowd.map((index) => gateway.ask(calls[index] ?? chat())));
    expect(answers.map(withoutIds)).toEqual(crowd.map((index) => expected[index]));
    expect(new Set(answers.map(({ text }) => /chatcmpl-[0-9a-f]+/.exec(text)?.[0])).size).toBe(crowd.length);
    expect(gateway.passed()).toBe(passed);
  });

  it("reaches the app when a route chooses the model that answers", async () => {
    using world = createWorld();
    world.clock.ms = LATER_MS;
    world.models.add(servedModel({ id: "either", answerThrough: (request, ask) => ask({ ...request, model: "one" }) }));
    await using gateway = await startGateway(world, true);
    for (let time = 0; time < 3; time++) {
      const { status, headers } = await gateway.ask(chat({ model: "either" }));
      expect([status, headers["cache-status"]]).toEqual([200, expect.stringMatching(time === 0 ? "fwd=miss" : "hit")]);
    }
    expect(gateway.passed()).toBe(3);
  });

  it("reaches the app when its answer is stored, or more than 64 KiB are sent", async () => {
    using world = createWorld();
    world.clock.ms = LATER_MS;
    await using gateway = await startGateway(world, true);
    const long = [{ role: "user", content: "Hi" }, { role: "assistant", content: "x".repeat(65_536) }, ...messages];
    const response = {
      path: "/v1/responses",
      body: JSON.stringify({ model: "one", input: "Hi", temperature: 0 }),
      headers: JSON_TYPE,
    };
    for (const call of [chat({ store: true }), chat({ messages: long }), response]) {
      for (let time = 0; time < 3; time++) expect((await gateway.ask(call)).status).toBe(200);
    }
    expect(gateway.passed()).toBe(9);
  });

  it("is answered with the current time, and only for an identical text", async () => {
    using world = createWorld();
    world.clock.ms = LATER_MS;
    await using gateway = await startGateway(world, true);
    const seconds = async (call: Asked) => (await gateway.ask(call)).text.match(/(?<="created":)\d+/)?.[0];
    const call = chat();
    for (let time = 0; time < 3; time++) {
      world.clock.ms += 1_000;
      expect(await seconds(call)).toBe(String(LATER_MS / 1_000 + time + 1));
    }
    const tricky = chat({ messages: [{ role: "user", content: String(LATER_MS / 1_000 + 5) }] });
    world.clock.ms = LATER_MS + 5_000;
    for (let time = 0; time < 3; time++) await gateway.ask(tricky);
    expect(gateway.passed()).toBe(2 + 3);
  });

  it("leaves nothing behind when its answer is replaced or removed", async () => {
    using world = createWorld();
    world.clock.ms = LATER_MS;
    await using gateway = await startGateway(world, true);
    const call = chat();
    for (let time = 0; time < 2; time++) await gateway.ask(call);
    expect(gateway.repeats.size().entries).toBe(1);
    await gateway.ask({ ...call, headers: { ...JSON_TYPE, "cache-control": "no-cache" } });
    expect(gateway.repeats.size()).toEqual({ entries: 0, bytes: 0 });
    for (let time = 0; time < 2; time++) await gateway.ask(call);
    expect(gateway.repeats.size().entries).toBe(1);
    gateway.clear();
    expect(gateway.repeats.size()).toEqual({ entries: 0, bytes: 0 });
  });
});

describe.each([
  ["in front of the app", true],
  ["by the app", false],
])("a repeated answer that is sent %s when the gateway stops", (_, hasFront) => {
  it.each([
    ["whole", {}],
    ["as a stream", { stream: true }],
  ])("is sent to its end, %s, and its connection ends", async (__, form) => {
    using world = createWorld();
    world.clock.ms = LATER_MS;
    await using gateway = await startGateway(world, hasFront);
    const call = chat(form);
    for (let time = 0; time < 2; time++) await gateway.ask(call);
    const before = await gateway.ask(call);
    const passed = gateway.passed();
    const isTaken = once(gateway.server, "request");
    const answering = gateway.ask(call);
    await isTaken;
    const drained = gateway.drain();
    const { status, text, headers } = await answering;
    await drained;
    expect(status).toBe(200);
    expect(withoutId(text)).toBe(withoutId(before.text));
    expect(headers).toMatchObject({ connection: "close", "cache-status": expect.stringMatching("hit") });
    expect(gateway.passed() - passed).toBe(hasFront ? 0 : 1);
  });

  it("is refused to those who ask after that", async () => {
    using world = createWorld();
    world.clock.ms = LATER_MS;
    await using gateway = await startGateway(world, hasFront);
    for (let time = 0; time < 3; time++) await gateway.ask(chat());
    await gateway.drain();
    // The app writes its last line in a later turn.
    await expect.poll(() => gateway.log).toHaveLength(3);
    // The client may not have seen yet that its connection has ended.
    const code = expect.stringMatching(/^ECONN(RESET|REFUSED)$/);
    await expect(gateway.ask(chat())).rejects.toMatchObject({ code });
    expect(gateway.log).toHaveLength(3);
  });
});

function withoutId(text: string): string {
  return text.replaceAll(/"id":"[^"]+"/g, "");
}

describe("an upload in front of the app", () => {
  it("is refused before its end when the key is wrong", async () => {
    using world = createWorld([{}]);
    await using gateway = await startGateway(world, true);
    const headers = { ...JSON_TYPE, authorization: "Bearer sk-wrong", "content-length": "100" };
    const client = request({ port: gateway.port, path: "/v1/chat/completions", method: "POST", agent: false, headers });
    client.on("error", () => {});
    client.write("{");
    const [response] = await once(client, "response");
    expect(response.statusCode).toBe(401);
    client.destroy();
  });

  it("that breaks off is in the log as a client that left", async () => {
    using world = createWorld();
    world.clock.ms = LATER_MS;
    await using gateway = await startGateway(world, true);
    const headers = { ...JSON_TYPE, "content-length": "100" };
    const client = request({ port: gateway.port, path: "/v1/chat/completions", method: "POST", agent: false, headers });
    client.on("error", () => {});
    client.write("{");
    await once(gateway.server, "request");
    client.destroy();
    await expect.poll(() => gateway.log).toMatchObject([{ status: 499, path: "/v1/chat/completions" }]);
  });
});
