import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { composeEmbed, type Embed, type EmbeddingResult } from "../../src/generation/embedding.ts";
import { createAccess } from "../../src/keys/access.ts";
import { type KeyPolicy, policySchema } from "../../src/keys/key.ts";
import { issueKey } from "../../src/keys/manage.ts";
import { createLoadControl } from "../../src/queue/load-control.ts";
import { openState } from "../store/support.ts";
import { createTestApp, jsonInit, loopTurn, MODEL_ID, script, servedModel } from "./support.ts";

type Headers = Readonly<Record<string, string>>;

/** An app with keys and a queue, before a model that makes a vector when the test says so. */
function setUp(maxPending = 256) {
  const state = openState();
  const access = createAccess({ config: { keysFile: "", apiKey: "" }, state, logger: pino({ level: "silent" }) });
  const load = createLoadControl({
    ...{ maxPending, maxPendingTokens: 1_000_000, maxWaitMs: 60_000, models: () => 0, clock: systemClock },
  });
  const { gate, turns } = load.embeddingQueueFor({ isReady: () => true });
  const asked: { readonly text: string; readonly answered: PromiseWithResolvers<EmbeddingResult> }[] = [];
  const arrived: (() => void)[] = [];
  const model: Embed = ({ items, signal }) => {
    const answered = Promise.withResolvers<EmbeddingResult>();
    const [item] = items;
    asked.push({ text: item?.type === "pair" ? item.document : item?.type === "text" ? item.text : "", answered });
    signal.addEventListener("abort", () => answered.reject(signal.reason), { once: true });
    for (const tell of arrived.splice(0)) tell();
    return answered.promise;
  };
  const able = servedModel(script([]), { embed: composeEmbed([gate, turns], model) });
  const served = { ...able, can: { ...able.can, reranking: true } };
  const { app, log } = createTestApp({ models: [served], state, access });
  let answers = 0;

  /** Resolves when the model was asked for so many. */
  async function askedFor(count: number): Promise<void> {
    while (asked.length < count) await new Promise<void>((resolve) => arrived.push(resolve));
  }
  return {
    ...{ app, log, asked, askedFor, load },
    key: (name: string, policy: Partial<KeyPolicy> = {}) =>
      issueKey(state.keys, { name, expiresMs: undefined, policy: policySchema.parse(policy) }, Date.now()).secret,
    post: (path: string, secret: string, body: object, headers: Headers = {}, signal?: AbortSignal) => {
      const init = jsonInit({ model: MODEL_ID, ...body }, signal);
      return Promise.resolve(
        app.request(path, { ...init, headers: { ...init.headers, authorization: `Bearer ${secret}`, ...headers } }),
      );
    },
    /** Resolves when so many requests are in hand. */
    async inHand(count: number): Promise<void> {
      while (load.counts.requests < count) await loopTurn();
    },
    /** Lets the model answer the next that it was asked for, so many times. */
    async answer(count = 1): Promise<void> {
      for (let index = 0; index < count; index++) {
        await askedFor(answers + 1);
        asked[answers]?.answered.resolve({ vectors: [Float32Array.of(0.5)], tokens: 100 });
        answers += 1;
        await loopTurn();
      }
    },
  };
}

const LONG = "Nobody reads all of this. ".repeat(20);
const EMBEDDINGS = "/v1/embeddings";

describe.each([
  { path: EMBEDDINGS, many: { input: Array.from({ length: 2_000 }, () => LONG) }, one: { input: "word" } },
  {
    path: "/v1/rerank",
    many: { query: "what", documents: Array.from({ length: 2_000 }, () => LONG) },
    one: { query: "what", documents: ["word"] },
  },
])("$path of two keys", ({ path, many, one }) => {
  it("alternates between them: one text waits for one of the other's two thousand", async () => {
    const all = setUp();
    const [alice, bob] = [all.key("alice"), all.key("bob")];
    const leaving = new AbortController();
    const long = all.post(path, alice, many, {}, leaving.signal);
    await all.answer(3);
    const short = all.post(path, bob, one);
    await all.inHand(2);
    await all.answer(1);
    expect(all.asked.at(-1)?.text).toBe("word");
    await all.answer(1);
    const response = await short;
    expect(response.status).toBe(200);
    expect(response.headers.get("sluice-queue-position")).toBe("1");
    expect(response.headers.get("sluice-queue-ms")).toMatch(/^\d+$/);
    leaving.abort();
    expect((await long).status).toBe(499);
    expect(all.load.counts.requests).toBe(0);
  });

  it("refuses requests whose turn would come too late at once, with a time to retry", async () => {
    const all = setUp();
    const alice = all.key("alice");
    const leaving = new AbortController();
    const first = all.post(path, alice, many, {}, leaving.signal);
    await all.askedFor(1);
    await new Promise((resolve) => systemClock.after(20, () => resolve(undefined)));
    await all.answer(1);
    await all.askedFor(2);
    const refused = await all.post(path, alice, one, { "sluice-max-wait-ms": "1" });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: "server_overloaded" } });
    expect(Number(refused.headers.get("retry-after-ms"))).toBeGreaterThan(0);
    leaving.abort();
    await first;
  });

  it("lets a later one of the same key replace an earlier one", async () => {
    const all = setUp();
    const [alice, bob] = [all.key("alice"), all.key("bob")];
    const headers = { "sluice-supersede": "typing" };
    const earlier = all.post(path, alice, one, headers);
    await all.askedFor(1);
    const others = all.post(path, bob, one, headers);
    const later = all.post(path, alice, one, headers);
    expect((await earlier).status).toBe(409);
    await all.answer(3);
    expect((await later).status).toBe(200);
    expect((await others).status).toBe(200);
  });
});

it("a key's maximum wait applies to embeddings, too", async () => {
  const all = setUp();
  const [alice, bob] = [all.key("alice"), all.key("bob", { maxWaitMs: 1 })];
  const first = all.post(EMBEDDINGS, alice, { input: [LONG, LONG] });
  await all.askedFor(1);
  const refused = await all.post(EMBEDDINGS, bob, { input: "word" });
  expect(refused.status).toBe(503);
  expect(refused.headers.get("sluice-queue-position")).toBe("1");
  await all.answer(2);
  expect((await first).status).toBe(200);
});

it("one key's requests beyond the bound are refused, and another key's are taken", async () => {
  const all = setUp(16);
  const [alice, bob] = [all.key("alice"), all.key("bob")];
  const first = all.post(EMBEDDINGS, bob, { input: "word" });
  await all.askedFor(1);
  const leaving = new AbortController();
  const greedy = Array.from({ length: 20 }, () => all.post(EMBEDDINGS, alice, { input: LONG }, {}, leaving.signal));
  expect(await Promise.race(greedy.map((each) => each.then(({ status }) => status)))).toBe(503);
  const before = all.load.counts.requests;
  const another = all.post(EMBEDDINGS, bob, { input: "word" });
  await all.inHand(before + 1);
  await all.answer(3);
  expect([(await first).status, (await another).status]).toEqual([200, 200]);
  leaving.abort();
  await Promise.all(greedy);
});
