import { describe, expect, it } from "vitest";
import { answerRepeats } from "../../../src/cache/layer.ts";
import { createSemanticTier } from "../../../src/cache/semantic/tier.ts";
import type { Pair, Verify } from "../../../src/cache/semantic/verify.ts";
import { createAnswerStore } from "../../../src/cache/store.ts";
import type { CacheWish, SemanticWish } from "../../../src/generation/cache.ts";
import type { Generate } from "../../../src/generation/layer.ts";
import type { GenerationRequest, Message } from "../../../src/generation/request.ts";
import { aborted, collect } from "../../fixtures/generation.ts";
import { greedy, noting, saying, withoutCost } from "../support.ts";

const TERMS = { minSimilarity: 0.8, minAgreement: 0.5, timeoutMs: 60_000 };
const FIRST = "How do I reset my password?";
const AGAIN = "Hi! How can I reset my password";

function setUp(verify: Verify = async () => true) {
  const clock = { ms: 1_000_000 };
  const now = () => clock.ms;
  const store = createAnswerStore({ maxBytes: 1_000_000, ttlMs: 100_000, now, random: () => 0 });
  const identify = (model: string) => model;
  const pairs: Pair[] = [];
  const failures: unknown[] = [];
  const tier = createSemanticTier({
    store,
    identify,
    verify(request, pair, signal) {
      pairs.push(pair);
      return verify(request, pair, signal);
    },
    maxBytes: 100_000,
    onFailure: (error) => failures.push(error),
  });
  const layer = answerRepeats({ store, identify, tiers: [tier], now });
  const next: Generate = async function* ({ prompt }) {
    const last = prompt.type === "chat" ? prompt.messages.at(-1) : undefined;
    yield* saying(`Answer to: ${last?.content}`);
  };

  /** Asks, and says what became of it and what was answered. */
  async function ask(text: string, how: Partial<Asked> = {}) {
    const { asked, news } = noting();
    const request = { ...requestFor(text, how), observe: asked.observe };
    const events = await collect(layer(request, next));
    const said = events.flatMap((event) => (event.type === "text" ? [event.text] : [])).join("");
    return { news: news[0], said, events };
  }
  return { ask, pairs, failures, clock, store };
}

type Asked = {
  readonly wish: CacheWish;
  readonly semantic: Partial<SemanticWish> | undefined;
  readonly before: readonly Message[];
  readonly template: string;
  readonly more: Partial<GenerationRequest>;
};

function requestFor(text: string, how: Partial<Asked>): GenerationRequest {
  const { wish, before = [], template = "{}", more } = how;
  const semantic = "semantic" in how && how.semantic === undefined ? undefined : { ...TERMS, text, ...how.semantic };
  const content = template.replace("{}", () => text);
  return greedy({
    prompt: { type: "chat", messages: [...before, { role: "user", content }] },
    cache: { ...wish, ...(semantic !== undefined && { semantic }) },
    ...more,
  });
}

const system = (content: string): readonly Message[] => [{ role: "system", content }];

describe("createSemanticTier", () => {
  it("answers with the stored answer to another text that asks for the same, at no cost, and is named", async () => {
    const { ask, pairs, clock } = setUp();
    const first = await ask(FIRST);
    clock.ms += 3_000;
    const again = await ask(AGAIN);
    expect(withoutCost(again.events)).toEqual(withoutCost(first.events));
    expect(again.events[0]).toMatchObject({ isReplay: true });
    expect(again.news).toEqual({ type: "hit", ageSeconds: 3, ttlSeconds: 97, detail: "SEMANTIC" });
    expect(pairs).toEqual([{ text: AGAIN, stored: FIRST }]);
  });

  it("asks no model about texts that differ by words, nor about the same text", async () => {
    const { ask, pairs } = setUp();
    await ask(FIRST);
    expect((await ask("How do I reset my router?")).news).toMatchObject({ type: "forward" });
    expect((await ask(FIRST)).news).toEqual({ type: "hit", ageSeconds: 0, ttlSeconds: 100 });
    expect(pairs).toEqual([]);
  });

  it("generates if the models don't agree, and remembers that text too", async () => {
    const { ask } = setUp(async (_, { stored }) => stored !== FIRST);
    await ask(FIRST);
    expect((await ask(AGAIN)).news).toMatchObject({ type: "forward", reason: "miss", stored: true });
    expect((await ask("How can I reset my password, please?")).said).toBe(`Answer to: ${AGAIN}`);
  });

  it("generates if the models can't be asked, and reports why", async () => {
    const { ask, failures } = setUp(() => Promise.reject(new Error("The model is gone.")));
    await ask(FIRST);
    expect((await ask(AGAIN)).news).toMatchObject({ type: "forward", reason: "miss" });
    expect(failures).toEqual([new Error("The model is gone.")]);
  });

  it("generates if the models take too long", async () => {
    const { ask, failures } = setUp(async (_, __, signal) => {
      await aborted(signal);
      throw signal.reason;
    });
    await ask(FIRST);
    expect((await ask(AGAIN, { semantic: { timeoutMs: 1 } })).news).toMatchObject({ type: "forward", reason: "miss" });
    expect(failures).toEqual([expect.objectContaining({ name: "TimeoutError" })]);
  });

  it.each<[string, Partial<Asked>]>([
    ["no preset that wants it", { semantic: undefined }],
    ["other instructions", { before: system("Answer in French.") }],
    ["another template", { template: "Question: {}" }],
    ["another model", { more: { model: "two" } }],
    ["another tenant", { more: { terms: { tenant: "key_2", priority: "default" } } }],
    ["another length", { more: { maxTokens: 5 } }],
    ["a form to keep to", { more: { output: { type: "json" } } }],
    ["no wish for a stored answer", { wish: { noCache: true } }],
  ])("gives nothing to a request with %s", async (_, how) => {
    const { ask, pairs } = setUp();
    await ask(FIRST);
    expect((await ask(AGAIN, how)).news).toMatchObject({ type: "forward" });
    expect(pairs).toEqual([]);
  });

  it("finds the text in its template", async () => {
    const { ask } = setUp();
    const how = { template: "Question: {}\nAnswer:", before: system("Be brief.") };
    await ask(FIRST, how);
    expect((await ask(AGAIN, how)).news).toMatchObject({ type: "hit", detail: "SEMANTIC" });
  });

  it("shares public answers only", async () => {
    const { ask } = setUp();
    const other = { more: { terms: { tenant: "key_2", priority: "default" } as const } };
    await ask(FIRST, { wish: { isPublic: true } });
    expect((await ask(AGAIN, { ...other, wish: { isPublic: true } })).news).toMatchObject({ detail: "SEMANTIC" });
    expect((await ask(AGAIN, other)).news).toMatchObject({ type: "forward" });
  });

  it("forgets a text with its answer", async () => {
    const { ask, store, pairs } = setUp();
    await ask(FIRST);
    store.clear();
    expect((await ask(AGAIN)).news).toMatchObject({ type: "forward", reason: "miss" });
    expect(pairs).toEqual([]);
  });

  it("gives no answer that is too old", async () => {
    const { ask, clock } = setUp();
    await ask(FIRST);
    clock.ms += 5_000;
    expect((await ask(AGAIN, { wish: { maxAgeSeconds: 3 } })).news).toMatchObject({ type: "forward" });
  });
});
