import { describe, expect, it } from "vitest";
import { EngineCrashedError } from "../../src/generation/errors.ts";
import { answerWith, CHAT, chatInit, createTestApp, loopTurn, MODEL_ID, script } from "./support.ts";

describe("the access log", () => {
  it.each([false, true])("has one line for a request, with its figures, when stream is %j", async (stream) => {
    const { app, log } = createTestApp();
    const response = await app.request(CHAT, chatInit({ stream }));
    await response.text();
    await loopTurn();
    expect(log).toHaveLength(1);
    expect(log[0]).toMatchObject({
      msg: "request",
      requestId: response.headers.get("x-request-id"),
      method: "POST",
      path: CHAT,
      status: 200,
      ms: expect.any(Number),
      model: MODEL_ID,
      tokens: { prompt: 12, cached: 4, completion: 4 },
    });
  });

  it("has the code of the client's error", async () => {
    const { app, log } = createTestApp();
    await app.request(CHAT, chatInit({ temperature: 3 }));
    await app.request("/nowhere");
    await loopTurn();
    expect(log).toMatchObject([
      { status: 400, error: "decimal_above_max_value" },
      { status: 404, error: "unknown_url", path: "/nowhere" },
    ]);
  });

  it("reports a stream that broke in the middle", async () => {
    const { app, log } = createTestApp({
      generate: script(async function* () {
        yield* answerWith(["Hi"]).slice(0, 2);
        throw new EngineCrashedError(3);
      }),
    });
    await (await app.request(CHAT, chatInit({ stream: true }))).text();
    await loopTurn();
    expect(log).toMatchObject([{ status: 200, error: "engine_crashed" }]);
  });

  it("reports a client that left its stream", async () => {
    const { app, log } = createTestApp();
    const response = await app.request(CHAT, chatInit({ stream: true }));
    await response.body?.cancel();
    await loopTurn();
    expect(log).toMatchObject([{ status: 200, clientGone: true }]);
  });

  it("has the client's own id, made harmless", async () => {
    const { app, log } = createTestApp();
    await app.request("/health", { headers: { "x-client-request-id": `a b\té${"c".repeat(500)}` } });
    await loopTurn();
    expect(log[0]?.clientRequestId).toMatch(/^a_b__c{123}$/);
  });

  it("never has a prompt, an answer, a key or a query in it", async () => {
    const { app, log } = createTestApp({ generate: script(answerWith(["the-answer"])) });
    for (const body of [
      { messages: [{ role: "user", content: "the-prompt" }] },
      { messages: [{ role: "user", content: "the-prompt" }], stream: true },
      { messages: [{ role: "the-prompt", content: "x" }] },
    ]) {
      const init = chatInit(body);
      const headers = { ...init.headers, authorization: "Bearer the-key" };
      await (await app.request(`${CHAT}?api_key=the-key`, { ...init, headers })).text();
    }
    await app.request(CHAT, chatInit('{"messages": "the-prompt'));
    await loopTurn();
    expect(log).toHaveLength(4);
    expect(JSON.stringify(log)).not.toMatch(/the-(prompt|answer|key)/);
  });
});
