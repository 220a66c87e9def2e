import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Asker, ModelText } from "../../src/generation/model.ts";
import type { Access } from "../../src/keys/access.ts";
import { createCounters } from "../../src/keys/counters.ts";
import { createFixedKeys } from "../../src/keys/fixed.ts";
import { type KeyPolicy, policySchema } from "../../src/keys/key.ts";
import { issueKey } from "../../src/keys/manage.ts";
import { createMeter } from "../../src/keys/meter.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { createUsageBook } from "../../src/keys/usage.ts";
import { openKeyState } from "../../src/store/state.ts";
import { modelText } from "../fixtures/generation.ts";
import { silent } from "../keys/support.ts";
import { openState, temporaryFolder } from "../store/support.ts";
import { answerWith, createTestApp, jsonInit, listen, loopTurn, MODEL_ID, script, servedModel } from "./support.ts";

const messages = [{ role: "user", content: "Hi" }];

/** Everything that is asked about text, with how long the text is. */
const QUESTIONS: readonly (readonly [path: string, body: (text: string) => object])[] = [
  ["/tokenize", (content) => ({ content })],
  ["/detokenize", (text) => ({ tokens: Array.from(text, () => 72) })],
  ["/apply-template", (content) => ({ messages: [{ role: "user", content }] })],
  ["/v1/messages/count_tokens", (content) => ({ model: MODEL_ID, messages: [{ role: "user", content }] })],
  ["/v1/responses/input_tokens", (input) => ({ model: MODEL_ID, input })],
];

function setUp(text: ModelText = modelText) {
  const folder = temporaryFolder();
  const state = openState({ file: folder.file });
  const beside = openKeyState(folder.file);
  const keys = createKeyRing({
    store: state.keys,
    fixed: createFixedKeys({ keysFile: "", apiKey: "", logger: silent }),
  });
  const usage = createUsageBook({ store: state.usage, logger: silent });
  const access: Access = {
    keys,
    meter: createMeter({ counters: createCounters(), usage }),
    flush: usage.flush,
  };
  const models = [servedModel(script(answerWith(["Hello"])), { text })];
  const { app, log } = createTestApp({ models, state, access });
  return {
    app,
    log,
    /** Gives a way to ask with a key of that policy. */
    keyWith(policy: Partial<KeyPolicy>) {
      const { secret } = issueKey(
        beside.keys,
        { name: "a", expiresMs: undefined, policy: policySchema.parse(policy) },
        Date.now(),
      );
      return (path: string, body: object) => {
        const init = jsonInit(body);
        return app.request(path, { ...init, headers: { ...init.headers, authorization: `Bearer ${secret}` } });
      };
    },
    [Symbol.dispose]() {
      beside.close();
      state.close();
      folder[Symbol.dispose]();
    },
  };
}

describe("a question about text", () => {
  it.each(QUESTIONS)("counts as a request of its key: %s", async (path, body) => {
    using all = setUp();
    const ask = all.keyWith({ requestsPerMinute: 2 });
    expect((await ask(path, body("Hi"))).status).toBe(200);
    expect((await ask(path, body("Hi"))).status).toBe(200);
    const third = await ask(path, body("Hi"));
    expect(third.status).toBe(429);
    expect(Number(third.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it.each(QUESTIONS)("costs its key a sixteenth of its text's tokens: %s", async (path, body) => {
    using all = setUp();
    const ask = all.keyWith({ tokensPerMinute: 1_000 });
    const bodyOf = (tokens: number) => body("x".repeat(path === "/detokenize" ? tokens : tokens * 4));
    expect((await ask(path, bodyOf(8_000))).status).toBe(200);
    expect((await ask(path, bodyOf(7_000))).status).toBe(200);
    expect((await ask(path, bodyOf(2_000))).status).toBe(429);
    expect((await ask(path, bodyOf(400))).status).toBe(200);
    expect((await ask(path, bodyOf(40_000))).status).toBe(429);
  });

  it.each(QUESTIONS)("runs in its key's turn, and is cancelled when the client leaves: %s", async (path, body) => {
    const asked = Promise.withResolvers<Asker | undefined>();
    const wait = (asker: Asker | undefined) => {
      asked.resolve(asker);
      return new Promise<never>((_, reject) => {
        asker?.signal?.addEventListener("abort", () => reject(asker.signal?.reason), { once: true });
      });
    };
    using all = setUp({
      ...modelText,
      tokenize: (_text, _options, asker) => wait(asker),
      detokenize: (_tokens, asker) => wait(asker),
      applyTemplate: (_prompt, _tools, asker) => wait(asker),
      countTokens: (_prompt, _tools, asker) => wait(asker),
    });
    await using server = await listen(all.app);
    const leaving = new AbortController();
    const answer = fetch(`${server.url}${path}`, jsonInit(body("Hi"), leaving.signal)).catch(() => "left");
    expect((await asked.promise)?.tenant).toBe("local");
    leaving.abort();
    expect(await answer).toBe("left");
    while (!all.log.some(({ status }) => status === 499)) await loopTurn();
    expect(all.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });
});

describe("POST /tokenize with pieces", () => {
  it("requests them in pieces, and returns all in order", async () => {
    const sizes: number[] = [];
    const { app } = createTestApp({
      models: [
        servedModel(script(answerWith([])), {
          text: {
            ...modelText,
            spell(tokens, asker) {
              sizes.push(tokens.length);
              return modelText.spell(tokens, asker);
            },
          },
        }),
      ],
    });
    const content = "aé😀".repeat(2_000);
    const response = await app.request("/tokenize", jsonInit({ content, with_pieces: true }));
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    const { tokens } = z
      .object({ tokens: z.array(z.object({ id: z.number(), piece: z.string() })) })
      .parse(await response.json());
    expect(tokens.map(({ piece }) => piece).join("")).toBe(content);
    expect(tokens.map(({ id }) => id)).toEqual(Array.from(content, (character) => character.codePointAt(0)));
    expect(sizes).toEqual([2_048, 2_048, 1_904]);
    const empty = await app.request("/tokenize", jsonInit({ content: "", with_pieces: true }));
    expect(await empty.json()).toEqual({ tokens: [] });
  });
});

it("without keys is answered to everybody", async () => {
  const { app } = createTestApp();
  const response = await app.request("/v1/messages/count_tokens", jsonInit({ model: MODEL_ID, messages }));
  expect(await response.json()).toEqual({ input_tokens: 9 });
});
