import { describe, expect, it } from "vitest";
import { answerRepeats } from "../../src/cache/layer.ts";
import { controlCache, createCacheCounter } from "../../src/cache/stats.ts";
import { createAnswerStore } from "../../src/cache/store.ts";
import { compose } from "../../src/generation/layer.ts";
import type { Access } from "../../src/keys/access.ts";
import { createCounters } from "../../src/keys/counters.ts";
import { createFixedKeys } from "../../src/keys/fixed.ts";
import { createMeter } from "../../src/keys/meter.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { createUsageBook } from "../../src/keys/usage.ts";
import { silent } from "../keys/support.ts";
import { preset } from "../prompts/support.ts";
import { openState } from "../store/support.ts";
import { answerWith, CHAT, createTestApp, jsonInit, loopTurn, MODEL_ID, script } from "./support.ts";

const SECRETS = {
  alice: "secret-of-alice-1234",
  bob: "secret-of-bob-1234567",
  shy: "secret-of-shy-1234567",
  keen: "secret-of-keen-123456",
};
type Name = keyof typeof SECRETS;

const KEYS = `
keys:
  - { name: alice, key: ${SECRETS.alice} }
  - { name: bob, key: ${SECRETS.bob} }
  - { name: shy, key: ${SECRETS.shy}, cache: never }
  - { name: keen, key: ${SECRETS.keen}, cache: always, admin: true }
`;

const PRESETS = [
  preset("cache: { public: true, ttlSeconds: 10 }\nsampling: { temperature: 0 }", "shared"),
  preset("cache: { answers: always }\nsampling: { temperature: 1 }", "drawn"),
  preset("cache: { answers: never }\nsampling: { temperature: 0 }", "secret"),
];

const [MISS, HIT, BYPASS] = ["miss", "hit", "bypass"];
const messages = [{ role: "user", content: "Hi" }];

function setUp() {
  const clock = { ms: 1_000_000 };
  const now = () => clock.ms;
  const state = openState();
  const fixed = createFixedKeys({ keysFile: "keys.yaml", apiKey: "", logger: silent, readText: () => KEYS });
  const usage = createUsageBook({ store: state.usage, logger: silent });
  const access: Access = {
    keys: createKeyRing({ store: state.keys, fixed }),
    meter: createMeter({ counters: createCounters(), usage }),
    flush: usage.flush,
  };
  const store = createAnswerStore({ maxBytes: 1_000_000, ttlMs: 60_000, now, random: () => 0 });
  const { app, log } = createTestApp({
    generate: compose([answerRepeats({ store, identify: (model) => model, now })], script(answerWith(["Hello"]))),
    ...{ state, access, presets: PRESETS, cache: controlCache(store, createCacheCounter(), 1_000_000) },
  });

  function send(as: Name, path: string, init: RequestInit, headers: Readonly<Record<string, string>> = {}) {
    const authorization = `Bearer ${SECRETS[as]}`;
    return app.request(path, { ...init, headers: { ...init.headers, ...headers, authorization } });
  }
  return {
    log,
    clock,
    send,
    /** What the cache made of a request: `hit`, `miss` or `bypass`. */
    async ask(as: Name, body: object, headers?: Readonly<Record<string, string>>, path = CHAT): Promise<string> {
      const response = await send(as, path, jsonInit(body), headers);
      const text = await response.text();
      if (response.status !== 200) throw new Error(text);
      return /hit|miss|bypass|request|stale/.exec(response.headers.get("cache-status") ?? "")?.[0] ?? "none";
    },
  };
}

describe("a public preset", () => {
  const body = { model: "preset/shared", messages };

  it("serves one key's answer to other keys, in every protocol, for its set time", async () => {
    const { ask, clock } = setUp();
    const message = { model: "preset/shared", messages, max_tokens: 8 };
    const response = { model: "preset/shared", input: "Hi" };
    expect(await ask("alice", body)).toBe(MISS);
    expect(await ask("bob", body)).toBe(HIT);
    expect(await ask("bob", { prompt: { id: "shared" }, input: "Hi" }, {}, "/v1/responses")).toBe(HIT);
    expect(await ask("bob", response, {}, "/v1/responses")).toBe(HIT);
    expect(await ask("alice", { ...body, max_tokens: 8 })).toBe(MISS);
    expect(await ask("bob", message, {}, "/v1/messages")).toBe(HIT);
    clock.ms += 10_000;
    expect(await ask("bob", body)).toBe("stale");
  });

  it.each([
    ["instructions", { messages: [{ role: "system", content: "Be kind." }, ...messages] }],
    ["earlier turns", { messages: [...messages, { role: "assistant", content: "Yes?" }, ...messages] }],
    ["tools", { messages, tools: [{ type: "function", function: { name: "look_up" } }] }],
    ["a format", { messages, response_format: { type: "json_object" } }],
    ["stop strings", { messages, stop: "Hello, Bob" }],
    ["variables of a template", { messages, chat_template_kwargs: { today: "Monday" } }],
  ])("has no answer for others that depends on a client's own %s", async (_, own) => {
    const { ask } = setUp();
    expect(await ask("alice", { ...body, ...own })).toBe(MISS);
    expect(await ask("bob", { ...body, ...own })).toBe(MISS);
    expect(await ask("alice", { ...body, ...own })).toBe(HIT);
  });

  it("has none for who asks the same without the preset", async () => {
    const { ask } = setUp();
    expect(await ask("alice", body)).toBe(MISS);
    expect(await ask("bob", { model: MODEL_ID, messages, temperature: 0 })).toBe(MISS);
  });

  it("does not apply to a response with instructions, which are the tenant's own", async () => {
    const { ask } = setUp();
    const own = { model: "preset/shared", input: "Hi", instructions: "Be kind.", store: false };
    expect(await ask("alice", own, {}, "/v1/responses")).toBe(MISS);
    expect(await ask("bob", own, {}, "/v1/responses")).toBe(MISS);
  });
});

describe("the answers that are stored", () => {
  it.each<[string, Name, object, readonly string[]]>([
    ["determined ones, unless somebody says otherwise", "alice", { temperature: 0 }, [MISS, HIT]],
    ["not those that are drawn", "alice", { temperature: 1 }, [BYPASS, BYPASS]],
    ["all, where the preset says so", "alice", { model: "preset/drawn" }, [MISS, HIT]],
    ["none, where the preset says so", "alice", { model: "preset/secret" }, [BYPASS, BYPASS]],
    ["none, where the key says so, whatever the preset says", "shy", { model: "preset/drawn" }, [BYPASS, BYPASS]],
    ["none, where the key says so, without a preset", "shy", { temperature: 0 }, [BYPASS, BYPASS]],
    ["all, where the key says so, whatever the preset says", "keen", { model: "preset/secret" }, [MISS, HIT]],
    ["all, where the key says so, without a preset", "keen", { temperature: 1 }, [MISS, HIT]],
  ])("%s", async (_, as, fields, expected) => {
    const { ask } = setUp();
    const body = { model: MODEL_ID, messages, ...fields };
    expect([await ask(as, body), await ask(as, body)]).toEqual(expected);
  });

  it("is the request's own to say, before the key and the preset", async () => {
    const { ask } = setUp();
    const [secret, drawn] = [
      { model: "preset/secret", messages },
      { model: "preset/drawn", messages },
    ];
    const keeps = { "cache-control": "max-age=60" };
    expect([await ask("shy", secret, keeps), await ask("shy", secret, keeps)]).toEqual([MISS, HIT]);
    const leaves = { "cache-control": "no-store" };
    expect([await ask("keen", drawn, leaves), await ask("keen", drawn, leaves)]).toEqual([BYPASS, BYPASS]);
  });
});

describe("a preset's answers", () => {
  it("can be forgotten by its id, and are named in the log", async () => {
    const { ask, send, log } = setUp();
    await ask("alice", { model: "preset/shared", messages });
    await ask("alice", { model: "preset/drawn", messages });
    const forget = async (query: string) => (await send("keen", `/admin/cache${query}`, { method: "DELETE" })).json();
    expect(await forget("?preset=secret")).toEqual({ object: "cache", deleted: 0 });
    expect(await forget("?preset=shared")).toEqual({ object: "cache", deleted: 1 });
    expect(await ask("alice", { model: "preset/drawn", messages })).toBe(HIT);
    await ask("alice", { model: MODEL_ID, messages });
    await loopTurn();
    const asked = log.filter(({ path }) => path === CHAT);
    expect(asked.map((line) => line.preset)).toEqual(["shared", "drawn", "drawn", undefined]);
  });
});
