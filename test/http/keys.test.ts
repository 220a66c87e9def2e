import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Embed } from "../../src/generation/embedding.ts";
import type { ModelText } from "../../src/generation/model.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { OWN_TERMS } from "../../src/generation/terms.ts";
import { formatReset } from "../../src/http/answer-headers.ts";
import { type InnerCaller, requestAs } from "../../src/http/arrival.ts";
import type { RecentRequests } from "../../src/http/routes/requests.ts";
import type { Access } from "../../src/keys/access.ts";
import { createCounters } from "../../src/keys/counters.ts";
import { createFixedKeys } from "../../src/keys/fixed.ts";
import { type KeyPolicy, policySchema } from "../../src/keys/key.ts";
import { issueKey, revokeKey, rotateKey } from "../../src/keys/manage.ts";
import { createMeter } from "../../src/keys/meter.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { createUsageBook } from "../../src/keys/usage.ts";
import { openKeyState } from "../../src/store/state.ts";
import { modelText } from "../fixtures/generation.ts";
import { silent } from "../keys/support.ts";
import { openState, temporaryFolder } from "../store/support.ts";
import { admitted, finished, openBook, started } from "../telemetry/requests/play.ts";
import {
  answerWith,
  CHAT,
  chatInit,
  createTestApp,
  jsonInit,
  listen,
  loopTurn,
  MODEL_ID,
  script,
  servedModel,
} from "./support.ts";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const DAY_MS = 86_400_000;
const embed: Embed = async ({ items }) => ({ vectors: items.map(() => Float32Array.of(1)), tokens: 9 });
const openaiError = z.object({
  error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string().nullable() }),
});
const list = z.object({ data: z.array(z.object({ id: z.string() })) });

/** An app with a state file, and the command line's view of the same file. */
function setUp(requests?: RecentRequests) {
  const folder = temporaryFolder();
  const state = openState({ file: folder.file });
  const beside = openKeyState(folder.file);
  const clock = { ms: NOW };
  const fixed = createFixedKeys({ keysFile: "", apiKey: "", logger: silent });
  const keys = createKeyRing({ store: state.keys, fixed, now: () => clock.ms });
  const seen: GenerationRequest[] = [];
  const generate = script(async function* (request) {
    seen.push(request);
    yield* answerWith(["Hello"]);
  });
  const models = [
    servedModel(generate, { embed }),
    servedModel(script(answerWith(["Hi"])), { id: "other", aliases: ["o"] }),
  ];
  const usage = createUsageBook({ store: state.usage, logger: silent });
  const access: Access = {
    keys,
    meter: createMeter({ counters: createCounters(), usage }),
    flush: usage.flush,
  };
  const { app, log } = createTestApp({
    models,
    state,
    access,
    requests,
    settings: { corsOrigins: ["https://app.example.com"] },
  });
  const create = (name: string, policy: Partial<KeyPolicy> = {}, expiresMs?: number) =>
    issueKey(beside.keys, { name, expiresMs, policy: policySchema.parse(policy) }, clock.ms);
  return {
    app,
    log,
    clock,
    create,
    /** What the first model was asked for. */
    seen,
    beside: beside.keys,
    /** What the state file holds. */
    kept(sql: string) {
      const file = new DatabaseSync(folder.file, { readOnly: true });
      const data = file.prepare(sql).all();
      file.close();
      return { data };
    },
    [Symbol.dispose]() {
      beside.close();
      state.close();
      folder[Symbol.dispose]();
    },
  };
}

function withKey(secret: string, init: RequestInit = {}): RequestInit {
  return { ...init, headers: { ...init.headers, authorization: `Bearer ${secret}` } };
}

function chatInitFrom(origin: string): RequestInit {
  const init = chatInit({});
  return { ...init, headers: { ...init.headers, origin } };
}

describe("without keys", () => {
  it("everybody is let in, whatever they show", async () => {
    using all = setUp();
    expect((await all.app.request(CHAT, chatInit({}))).status).toBe(200);
    expect((await all.app.request(CHAT, withKey("sk-anything", chatInit({})))).status).toBe(200);
  });
});

describe("a key for one of several models", () => {
  it("gets that one when it names none, and never another", async () => {
    using all = setUp();
    const { secret } = all.create("alice", { models: ["other"] });
    const ask = (model: string | null) => all.app.request(CHAT, withKey(secret, chatInit({ model })));
    for (const none of [null, ""]) expect(await (await ask(none)).json()).toMatchObject({ model: "other" });
    expect((await ask(MODEL_ID)).status).toBe(403);
    expect((await ask("gpt-4o")).status).toBe(404);
    const free = all.create("bob").secret;
    expect((await all.app.request(CHAT, withKey(free, chatInit({ model: null })))).status).toBe(400);
  });
});

describe("with a key", () => {
  it("is accepted as a bearer token or in Anthropic's header, as soon as it is created", async () => {
    using all = setUp();
    expect((await all.app.request("/v1/models")).status).toBe(200);
    const { secret } = all.create("alice");
    expect((await all.app.request("/v1/models")).status).toBe(401);
    expect((await all.app.request("/v1/models", withKey(secret))).status).toBe(200);
    expect((await all.app.request("/v1/models", { headers: { "x-api-key": secret } })).status).toBe(200);
    const both = { headers: { authorization: "Bearer none", "x-api-key": secret } };
    expect((await all.app.request("/v1/models", both)).status).toBe(200);
  });

  it("others get a 401 in OpenAI's form, or Anthropic's, that does not repeat their key", async () => {
    using all = setUp();
    all.create("alice");
    const wrong = "sk-sluice-0123456789abcdef";
    const answer = await all.app.request(CHAT, withKey(wrong, chatInit({})));
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    const text = await answer.text();
    expect(text).not.toContain(wrong);
    expect(openaiError.parse(JSON.parse(text)).error).toMatchObject({
      type: "invalid_request_error",
      code: "invalid_api_key",
      message: expect.stringContaining("Incorrect API key provided"),
    });
    const missing = openaiError.parse(await (await all.app.request(CHAT, chatInit({}))).json());
    expect(missing.error.message).toContain("You didn't provide an API key");

    const messages = await all.app.request("/v1/messages", jsonInit({}));
    expect(messages.status).toBe(401);
    expect(await messages.json()).toMatchObject({ type: "error", error: { type: "authentication_error" } });
  });

  it("probes and the API's description stay open, and so do a browser's questions before a request", async () => {
    using all = setUp();
    all.create("alice");
    for (const path of ["/health", "/ready", "/openapi.json", "/docs"]) {
      expect((await all.app.request(path)).status, path).toBe(200);
    }
    const origin = { origin: "https://app.example.com", "access-control-request-method": "POST" };
    expect((await all.app.request(CHAT, { method: "OPTIONS", headers: origin })).status).toBe(204);
    const refused = await all.app.request(CHAT, chatInitFrom(origin.origin));
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin.origin);
    for (const path of ["/v1/models", "/tokenize", "/v1/unknown", "/v1/responses/x", "/rerank", "/admin/usage"]) {
      expect((await all.app.request(path)).status, path).toBe(401);
    }
  });

  it("the log names the key, also one that has expired, and never a secret", async () => {
    using all = setUp();
    const { secret, record } = all.create("alice", {}, NOW + DAY_MS);
    await all.app.request("/v1/models", withKey(secret));
    await all.app.request("/v1/models", withKey("sk-sluice-wrong"));
    all.clock.ms += DAY_MS;
    await all.app.request("/v1/models", withKey(secret));
    await loopTurn();
    expect(all.log).toMatchObject([
      { status: 200, keyId: record.id, keyName: "alice" },
      { status: 401, error: "invalid_api_key" },
      { status: 401, error: "invalid_api_key", keyId: record.id },
    ]);
    expect(JSON.stringify(all.log)).not.toContain("sk-sluice");
  });

  it("that has expired, was revoked or replaced is refused at once, with the reason", async () => {
    using all = setUp();
    const old = all.create("old", {}, NOW + DAY_MS);
    const gone = all.create("gone");
    const turned = all.create("turned");
    const next = rotateKey(all.beside, "turned", NOW + 1_000);
    const status = async (secret: string) => (await all.app.request("/v1/models", withKey(secret))).status;
    expect(await Promise.all([old, gone, turned, next].map(({ secret }) => status(secret)))).toEqual([
      200, 200, 200, 200,
    ]);

    revokeKey(all.beside, "gone");
    all.clock.ms += DAY_MS;
    expect(await Promise.all([old, gone, turned, next].map(({ secret }) => status(secret)))).toEqual([
      401, 401, 401, 200,
    ]);
    const said = async (secret: string) => (await all.app.request("/v1/models", withKey(secret))).text();
    expect(await said(old.secret)).toContain("expired at 2026-11-23T12:00:00.000Z");
    expect(await said(turned.secret)).toContain("replaced by another at 2026-11-22T12:00:01.000Z");
  });

  it("that was the last one leaves the door shut", async () => {
    using all = setUp();
    const { secret } = all.create("alice");
    expect((await all.app.request("/v1/models", withKey(secret))).status).toBe(200);
    revokeKey(all.beside, "alice");
    expect((await all.app.request("/v1/models")).status).toBe(401);
  });
});

describe("a key's models", () => {
  it("are all that it sees, and all that it may use", async () => {
    using all = setUp();
    const { secret } = all.create("alice", { models: ["O"] });
    const models = list.parse(await (await all.app.request("/v1/models", withKey(secret))).json());
    expect(models.data.map(({ id }) => id)).toEqual(["other"]);
    expect((await all.app.request(CHAT, withKey(secret, chatInit({ model: "other" })))).status).toBe(200);

    const refused = await all.app.request(CHAT, withKey(secret, chatInit({})));
    expect(refused.status).toBe(403);
    const { error } = openaiError.parse(await refused.json());
    expect(error).toMatchObject({ type: "invalid_request_error", param: "model", code: "model_not_found" });
    expect(error.message).toContain("It may use: other.");
    const unknown = await all.app.request(CHAT, withKey(secret, chatInit({ model: "nonsense" })));
    expect(unknown.status).toBe(404);
    expect(await unknown.text()).not.toContain(MODEL_ID);
    expect(
      (await all.app.request("/tokenize", withKey(secret, jsonInit({ content: "a", model: MODEL_ID })))).status,
    ).toBe(403);
    expect((await all.app.request("/tokenize", withKey(secret, jsonInit({ content: "a" })))).status).toBe(200);
  });
});

describe("a key's limits", () => {
  it("are in OpenAI's headers of every answer, and absent for keys without limits", async () => {
    using all = setUp();
    const { secret } = all.create("alice", { requestsPerMinute: 2, tokensPerDay: 10_000 });
    const fresh = await all.app.request("/v1/models", withKey(secret));
    expect(fresh.headers.get("x-ratelimit-limit-requests")).toBe("2");
    expect(fresh.headers.get("x-ratelimit-remaining-requests")).toBe("2");
    expect(fresh.headers.get("x-ratelimit-reset-requests")).toBe("0s");

    const first = await all.app.request(CHAT, withKey(secret, chatInit({ stream: true, max_tokens: 100 })));
    expect(first.headers.get("x-ratelimit-remaining-requests")).toBe("1");
    expect(first.headers.get("x-ratelimit-reset-requests")).toMatch(/^(1m0s|5\d(\.\d+)?s)$/);
    expect(Number(first.headers.get("x-ratelimit-remaining-tokens"))).toBeLessThanOrEqual(9_900);
    expect(first.headers.get("x-ratelimit-reset-tokens")).toMatch(/^(24h0m0s|23h59m\d+s)$/);
    await first.text();
    await all.app.request(CHAT, withKey(secret, chatInit({})));
    const free = await all.app.request(CHAT, withKey(all.create("bob").secret, chatInit({})));
    expect([...free.headers.keys()].filter((name) => name.includes("ratelimit"))).toEqual([]);

    const refused = await all.app.request(CHAT, withKey(secret, chatInit({})));
    expect(refused.status).toBe(429);
    expect(openaiError.parse(await refused.json()).error).toMatchObject({
      type: "requests",
      code: "rate_limit_exceeded",
    });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(50);
    expect(refused.headers.get("x-ratelimit-remaining-requests")).toBe("0");
  });

  it("are in Anthropic's headers of its API, and count embeddings", async () => {
    using all = setUp();
    const { secret } = all.create("alice", { requestsPerMinute: 1, tokensPerMinute: 50 });
    const embedding = { model: MODEL_ID, input: "Hello" };
    expect((await all.app.request("/v1/embeddings", withKey(secret, jsonInit(embedding)))).status).toBe(200);
    const message = { model: MODEL_ID, max_tokens: 10, messages: [{ role: "user", content: "Hi" }] };
    const refused = await all.app.request("/v1/messages", withKey(secret, jsonInit(message)));
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ error: { type: "rate_limit_error" } });
    expect(refused.headers.get("anthropic-ratelimit-requests-limit")).toBe("1");
    expect(refused.headers.get("anthropic-ratelimit-requests-remaining")).toBe("0");
    expect(refused.headers.get("anthropic-ratelimit-requests-reset")).toMatch(/^\d{4}-.*Z$/);
    expect(refused.headers.get("anthropic-ratelimit-tokens-remaining")).toBe("41");
  });

  it.each([false, true])(
    "refuse a background response at once, and store nothing of it, when stream is %j",
    async (stream) => {
      using all = setUp();
      const { secret } = all.create("alice", { requestsPerMinute: 1 });
      const response = { model: MODEL_ID, input: "Hi", background: true, stream };
      const first = await all.app.request("/v1/responses", withKey(secret, jsonInit(response)));
      expect(first.status).toBe(200);
      await first.text();
      const refused = await all.app.request("/v1/responses", withKey(secret, jsonInit(response)));
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(50);
      expect(openaiError.parse(await refused.json()).error.code).toBe("rate_limit_exceeded");
      const { data } = all.kept("SELECT status FROM responses");
      expect(data).toEqual([{ status: "completed" }]);
    },
  );

  it("refuse a request that is more than all of them, and say that waiting won't help", async () => {
    using all = setUp();
    const { secret } = all.create("alice", { tokensPerMinute: 50 });
    const refused = await all.app.request(CHAT, withKey(secret, chatInit({ max_tokens: 100 })));
    expect(refused.status).toBe(429);
    expect(refused.headers.get("x-should-retry")).toBe("false");
    expect(openaiError.parse(await refused.json()).error).toMatchObject({
      type: "tokens",
      message: expect.stringContaining("limit 50, requested about"),
    });
  });

  it.each([
    [0, "0s"],
    [1, "1ms"],
    [120, "120ms"],
    [8_640, "8.64s"],
    [59_999, "1m0s"],
    [60_000, "1m0s"],
    [360_000, "6m0s"],
    [86_400_000, "24h0m0s"],
    [86_341_000, "23h59m1s"],
  ])("write %i ms as %s", (ms, text) => {
    expect(formatReset(ms)).toBe(text);
  });
});

describe("GET /admin/usage", () => {
  it("is for admin keys, and shows the usage of all keys", async () => {
    using all = setUp();
    const [alice, admin] = [all.create("alice"), all.create("boss", { admin: true }).secret];
    await all.app.request(CHAT, withKey(alice.secret, chatInit({})));
    const streamed = await all.app.request(CHAT, withKey(alice.secret, chatInit({ stream: true })));
    await streamed.text();
    expect((await all.app.request("/admin/usage", withKey(alice.secret))).status).toBe(403);
    const answer = await all.app.request("/admin/usage?key=alice", withKey(admin));
    expect(await answer.json()).toMatchObject({
      object: "list",
      data: [
        {
          object: "usage",
          key_id: alice.record.id,
          key_name: "alice",
          model: MODEL_ID,
          requests: 2,
          prompt_tokens: 24,
          cached_tokens: 8,
          completion_tokens: 4,
        },
      ],
    });
    for (const wrong of ["since=yesterday", "until=today", "limit=0", "limit=10001", "offset=-1"]) {
      expect((await all.app.request(`/admin/usage?${wrong}`, withKey(admin))).status).toBe(400);
    }
    const none = await all.app.request("/admin/usage?until=2020-01-01", withKey(admin));
    expect(await none.json()).toEqual({ object: "list", has_more: false, data: [] });
  });

  it("is only for this machine when there are no keys", async () => {
    using all = setUp();
    const from = (remoteAddress: string) =>
      all.app.request("/admin/usage", {}, { incoming: { socket: { remoteAddress } } });
    expect((await from("127.0.0.1")).status).toBe(200);
    expect((await from("192.168.1.5")).status).toBe(403);
    expect((await all.app.request("/admin/usage")).status).toBe(403);
  });
});

describe("a key's stored objects", () => {
  it("is seen by no other key", async () => {
    using all = setUp();
    const [alice, bob] = [all.create("alice").secret, all.create("bob").secret];
    const idOf = z.object({ id: z.string() });
    const make = async (path: string, body: unknown) =>
      idOf.parse(await (await all.app.request(path, withKey(alice, jsonInit(body)))).json()).id;
    const chat = await make(CHAT, { model: MODEL_ID, messages: [{ role: "user", content: "Hi" }], store: true });
    const response = await make("/v1/responses", { model: MODEL_ID, input: "Hi" });
    const conversation = await make("/v1/conversations", {});
    const paths = [`${CHAT}/${chat}`, `/v1/responses/${response}`, `/v1/conversations/${conversation}`];
    for (const path of [...paths, `/v1/responses/${response}/input_items`, `/v1/conversations/${conversation}/items`]) {
      expect((await all.app.request(path, withKey(alice))).status, path).toBe(200);
      expect((await all.app.request(path, withKey(bob))).status, path).toBe(404);
    }
    for (const path of paths) {
      expect((await all.app.request(path, withKey(bob, { method: "DELETE" }))).status, path).toBe(404);
    }
    expect(list.parse(await (await all.app.request(CHAT, withKey(bob))).json()).data).toEqual([]);
    expect(list.parse(await (await all.app.request(CHAT, withKey(alice))).json()).data).toHaveLength(1);
    const onward = { model: MODEL_ID, input: "And?", previous_response_id: response };
    expect((await all.app.request("/v1/responses", withKey(bob, jsonInit(onward)))).status).toBe(400);
    expect((await all.app.request("/v1/responses", withKey(alice, jsonInit(onward)))).status).toBe(200);
  });
});

describe("a caller within the process", () => {
  it("has the limits, the models, the counts and the store of the key that it names, without its secret", async () => {
    using all = setUp();
    const { record, secret } = all.create("alice", { models: [MODEL_ID], requestsPerMinute: 1 });
    const ask = requestAs(all.app, { keyId: record.id });
    const response = await ask("/v1/responses", jsonInit({ input: "Hi" }));
    expect(response.status).toBe(200);
    expect(response.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    const { id } = z.object({ id: z.string() }).parse(await response.json());
    expect((await all.app.request(`/v1/responses/${id}`, withKey(secret))).status).toBe(200);
    expect((await ask(CHAT, chatInit({ model: "other" }))).status).toBe(403);
    expect((await ask(CHAT, chatInit({}))).status).toBe(429);
    expect((await ask("/admin/usage")).status).toBe(403);
    const admin = requestAs(all.app, { keyId: all.create("boss", { admin: true }).record.id });
    expect(await (await admin("/admin/usage")).json()).toMatchObject({ data: [{ key_name: "alice", requests: 1 }] });
    await loopTurn();
    expect(all.log[0]).toMatchObject({ status: 200, keyId: record.id, keyName: "alice" });
  });

  it("is refused as over HTTP when its key is revoked or expired, or missing", async () => {
    using all = setUp();
    const [gone, old] = [all.create("gone").record.id, all.create("old", {}, NOW + DAY_MS).record.id];
    const ask = (keyId: string | undefined) => requestAs(all.app, { keyId })(CHAT, chatInit({}));
    expect([(await ask(gone)).status, (await ask(old)).status]).toEqual([200, 200]);
    revokeKey(all.beside, "gone");
    all.clock.ms += DAY_MS;
    for (const id of [gone, old, undefined, "key_unknown"]) {
      const refused = await ask(id);
      expect(refused.status).toBe(401);
      expect(await refused.json()).toMatchObject({ error: { code: "invalid_api_key" } });
    }
    expect(await (await ask(old)).text()).toContain("expired at 2026-11-23T12:00:00.000Z");
    expect(await (await ask(gone)).text()).toContain(`'${gone}' is no more`);
  });

  it("needs no key when none is required, but is refused when it names a missing one", async () => {
    using all = setUp();
    const ask = (caller: InnerCaller) => requestAs(all.app, caller)(CHAT, chatInit({}));
    expect((await ask({ keyId: undefined, priority: "batch" })).status).toBe(200);
    expect(all.seen[0]?.terms).toEqual({ tenant: "local", priority: "batch" });
    expect((await ask({ keyId: "key_gone" })).status).toBe(401);
    const { app } = createTestApp();
    expect((await requestAs(app, { keyId: "key_gone" })(CHAT, chatInit({}))).status).toBe(401);
  });

  it.each([
    ["batch", undefined, "batch"],
    ["batch", "priority", "batch"],
    [undefined, "priority", "default"],
    ["interactive", undefined, "default"],
    ["interactive", "priority", "default"],
  ] as const)(
    "of the class %s gets with the tier %s, from a key of the default class, %s",
    async (priority, tier, expected) => {
      using all = setUp();
      const keyId = all.create("alice").record.id;
      const ask = requestAs(all.app, { keyId, ...(priority !== undefined && { priority }) });
      await ask(CHAT, chatInit({ service_tier: tier }));
      expect(all.seen[0]?.terms).toMatchObject({ tenant: keyId, priority: expected });
    },
  );

  it.each([
    [false, undefined, undefined],
    [false, true, true],
    [true, undefined, true],
    [true, false, true],
  ])("stays on this machine when its key (%s) or it itself (%s) says so", async (ofKey, ofCaller, expected) => {
    using all = setUp();
    const keyId = all.create("alice", { localOnly: ofKey }).record.id;
    const ask = requestAs(all.app, { keyId, ...(ofCaller !== undefined && { localOnly: ofCaller }) });
    await ask(CHAT, chatInit({}));
    expect(all.seen[0]?.terms?.localOnly).toBe(expected);
  });

  it("stays on this machine for vectors and questions about text, too", async () => {
    const told: (boolean | undefined)[] = [];
    const text: ModelText = {
      ...modelText,
      tokenize(content, options, asker) {
        told.push(asker?.localOnly);
        return modelText.tokenize(content, options, asker);
      },
    };
    const notedEmbed: Embed = (request) => {
      told.push(request.terms?.localOnly);
      return embed(request);
    };
    const { app } = createTestApp({ models: [servedModel(script(answerWith(["Hi"])), { text, embed: notedEmbed })] });
    const ask = requestAs(app, { keyId: undefined, localOnly: true });
    await ask("/tokenize", jsonInit({ content: "a" }));
    await ask("/completion", jsonInit({ prompt: ["a", 1] }));
    await ask("/v1/embeddings", jsonInit({ model: MODEL_ID, input: "a" }));
    expect(told).toEqual([true, true, true]);
    await app.request("/tokenize", jsonInit({ content: "a" }));
    expect(told.at(-1)).toBeUndefined();
  });

  it("is never a client on a connection, whatever it sends", async () => {
    using all = setUp();
    const keyId = all.create("boss", { admin: true }).record.id;
    await using server = await listen(all.app);
    const claim = JSON.stringify({ caller: { keyId }, inner: { caller: { keyId } }, keyId });
    const names = ["inner", "caller", "key-id", "env", "bindings", "incoming", "x-caller", "sluice-caller"];
    const headers = Object.fromEntries(names.map((name) => [name, claim]));
    const query = `?inner=${encodeURIComponent(claim)}&caller=${keyId}&env=${encodeURIComponent(claim)}`;
    expect((await fetch(`${server.url}/admin/usage${query}`, { headers })).status).toBe(401);
    const init = chatInit({ inner: { caller: { keyId } }, caller: { keyId }, env: { inner: { caller: { keyId } } } });
    const posted = await fetch(`${server.url}${CHAT}${query}`, { ...init, headers: { ...init.headers, ...headers } });
    expect(posted.status).toBe(401);
  });

  it("is never named by plain data beside a request", async () => {
    using all = setUp();
    const keyId = all.create("boss", { admin: true }).record.id;
    const fakes: object[] = [{ caller: { keyId } }, { inner: { keyId } }, { inner: { caller: { keyId } } }];
    const incoming = { socket: { remoteAddress: "127.0.0.1" }, inner: { caller: { keyId } }, headers: {} };
    for (const env of [...fakes, { incoming, outgoing: {} }]) {
      expect((await all.app.request("/admin/usage", {}, env)).status).toBe(401);
    }
  });
});

describe("a request that waits or runs", () => {
  it("is listed under its key's name, and found by it", async () => {
    const { book, run } = openBook();
    const all = setUp(book);
    const { record } = all.create("alice");
    const ask = requestAs(all.app, { keyId: all.create("boss", { admin: true }).record.id });
    await run({ terms: { ...OWN_TERMS, tenant: record.id } }, admitted(0), started(3), finished(1));
    const list = z.object({ data: z.array(z.object({ key: z.unknown() })) });
    const found = async (query: string) => list.parse(await (await ask(`/admin/requests${query}`, {})).json()).data;
    expect(await found("?key=alice")).toEqual([{ key: { id: record.id, name: "alice" } }]);
    expect(await found("?key=boss")).toEqual([]);
  });
});
