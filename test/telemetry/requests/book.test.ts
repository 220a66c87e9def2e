import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OWN_TERMS } from "../../../src/generation/terms.ts";
import { encodeDetail, keyOf } from "../../../src/telemetry/requests/encode.ts";
import { admitted, evaluated, finished, openBook, type Step, started, text, waiting } from "./play.ts";

const ANSWER: readonly Step[] = [admitted(0), started(10, 4), text, finished(2)];

describe("the last requests", () => {
  it("are as many as is wanted, the newest first", async () => {
    const { book, run } = openBook({ limit: 3 });
    for (let count = 0; count < 5; count++) await run({}, ...ANSWER);
    expect(book.list().map(({ id }) => id)).toEqual(["req_5", "req_4", "req_3"]);
    expect(book.find("req_2")).toBeUndefined();
  });

  it("are bounded in bytes, too, and the latest stays", async () => {
    const { book, run } = openBook({ limit: 100, maxBytes: 10_000 });
    const long = Array.from({ length: 400 }, () => text);
    for (let count = 0; count < 20; count++) await run({}, admitted(0), started(10), ...long, finished(400));
    expect(book.list().length).toBeLessThan(4);
    expect(book.list()[0]?.id).toBe("req_20");
  });

  it("keep their bounds whatever order requests begin and end in", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 30 }), async (nested) => {
        const { book, run, rest } = openBook({ limit: 4, maxBytes: 6_000 });
        for (const isNested of nested) await run({}, ...(isNested ? [{ other: ANSWER }] : []), ...ANSWER);
        await rest();
        expect(book.list().length).toBeLessThanOrEqual(4);
        if (nested.length > 0) expect(book.list().length).toBeGreaterThan(0);
      }),
      { numRuns: 30 },
    );
  });

  it("have repeated answers among them, within the same bounds, as what they are", async () => {
    const { book, run, answered } = openBook({ limit: 3 });
    const repeat = { tokens: 9, ageSeconds: 1, ttlSeconds: 1 };
    const terms = { ...OWN_TERMS, tenant: "key_1" };
    await run({}, ...ANSWER);
    for (let count = 0; count < 2; count++) {
      answered(await run({ repeat, terms }, { type: "started", isReplay: true }), { keyName: "laptop" });
    }
    await run({}, ...ANSWER);
    expect(book.list().map(({ id }) => id)).toEqual(["req_4", "req_3", "req_2"]);
    const record = book.find("req_3");
    expect(record).toMatchObject({
      ...{ id: "req_3", model: "m", state: "done", cache: "hit", isReplay: true, tenant: "key_1" },
      answer: { path: "/v1/chat/completions", status: 200, key: { id: "key_1", name: "laptop" } },
    });
  });

  it("tell of an answer what HTTP knows of it", async () => {
    const { book, run, answered } = openBook();
    const record = await run({}, ...ANSWER);
    answered(record, { keyName: "laptop", status: 200 });
    expect(book.list()[0]?.answer).toMatchObject({
      path: "/v1/chat/completions",
      key: { name: "laptop" },
      status: 200,
    });
  });

  it("have those that were refused before any model was asked, but not who has no key, nor the operator's own", () => {
    const { book } = openBook();
    const answer = {
      ...{ method: "POST", path: "/v1/chat/completions", model: "m", status: 400, error: "invalid_value" },
      ...{ keyId: undefined, keyName: undefined, preset: undefined },
    };
    book.answered(answer, "req_a", 3);
    book.answered({ ...answer, status: 401 }, "req_b", 3);
    book.answered({ ...answer, path: "/admin/reload" }, "req_c", 3);
    book.answered({ ...answer, method: "GET" }, "req_d", 3);
    expect(book.list().map(({ id, state, error }) => [id, state, error])).toEqual([
      ["req_a", "failed", "invalid_value"],
    ]);
  });

  it("say which limit a request was refused for before any model was asked", () => {
    const { book, why } = openBook();
    const answer = {
      ...{ method: "POST", path: "/v1/chat/completions", model: "m", status: 429, error: "rate_limit_exceeded" },
      ...{ keyId: "key_1", keyName: "laptop", preset: undefined, refusal: "Limit 3, in progress 3." },
    };
    book.answered(answer, "req_a", 3);
    expect(book.list().map(why)).toEqual(["It was refused after 3 ms: rate_limit_exceeded. Limit 3, in progress 3."]);
  });

  it("have nothing of prompt and answer", async () => {
    const { run, answered } = openBook();
    const record = await run(
      { prompt: { type: "chat", messages: [{ role: "user", content: "a secret question" }] } },
      ...[admitted(0), started(10), { type: "text", choice: 0, text: "a secret answer" } as const, finished(2)],
    );
    answered(record);
    const told = encodeDetail(record, { nowMs: 0, originMs: 0, costOf: () => undefined, keyNameOf: () => undefined });
    expect(JSON.stringify(told)).not.toContain("secret");
    expect(JSON.stringify(record)).not.toContain("secret");
  });
});

describe("a request's key", () => {
  const keyNameOf = (id: string) => (id === "key_1" ? "laptop" : undefined);

  it("is known from its work while it waits and runs, before HTTP tells of the answer", async () => {
    const { run, answered } = openBook();
    const terms = { ...OWN_TERMS, tenant: "key_1" };
    const record = await run({ terms }, ...ANSWER);
    expect(keyOf(record, { keyNameOf })).toEqual({ id: "key_1", name: "laptop" });
    answered(record, { keyName: "laptop" });
    expect(keyOf(record, { keyNameOf })).toEqual({ id: "key_1", name: "laptop" });
  });

  it("is none for a tenant that is no key", async () => {
    const { run } = openBook();
    expect(keyOf(await run({ terms: OWN_TERMS }, ...ANSWER), { keyNameOf })).toBeUndefined();
    expect(keyOf(await run({}, ...ANSWER), { keyNameOf })).toBeUndefined();
  });
});

describe("a request in detail", () => {
  it("is its wait, its load, its prefill and its decode, one after the other, and the times of its pieces", async () => {
    const { run, answered } = openBook();
    const record = await run(
      {},
      { state: "loading" },
      waiting(1),
      { passMs: 300 },
      { state: "ready" },
      { passMs: 100 },
      admitted(400, 1),
      started(50, 10),
      { passMs: 200 },
      text,
      { passMs: 30 },
      text,
      { passMs: 70 },
      evaluated({ prefillMs: 200, prefillTokens: 40, decodeMs: 100, decodeTokens: 3, computeMs: 250 }),
      text,
      finished(3),
    );
    answered(record);
    const told = encodeDetail(record, {
      nowMs: 0,
      originMs: 1e6,
      costOf: () => () => ({ money: 0.25 }),
      keyNameOf: () => undefined,
    });
    expect(told).toMatchObject({
      created_ms: 1e6 + 1_000,
      ...{ queue_ms: 400, first_token_ms: 600, duration_ms: 700, cost: 0.25, position: 1, state: "done" },
      ...{ prompt_tokens: 50, cached_tokens: 10, completion_tokens: 3 },
      spans: [
        { type: "load", start_ms: 0, end_ms: 300, choice: null },
        { type: "queue", start_ms: 300, end_ms: 400, choice: null },
        { type: "prefill", start_ms: 400, end_ms: 600, choice: 0 },
        { type: "decode", start_ms: 600, end_ms: 700, choice: 0 },
      ],
      steps: { at_ms: [600, 630, 700], stride: 1, pieces: 3, longest_ms: 70, longest_at_ms: 700 },
    });
  });
});
