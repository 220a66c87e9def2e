import { describe, expect, it } from "vitest";
import type { Backend } from "../../src/generation/backend.ts";
import { OverloadedError, UpstreamError } from "../../src/generation/errors.ts";
import { formatRoute } from "../../src/http/route-header.ts";
import type { Route } from "../../src/routing/policy.ts";
import { messageOf, parseStream } from "../fixtures/anthropic/stream.ts";
import { servedModel } from "../fixtures/served-model.ts";
import { parseEvents } from "./responses-support.ts";
import { answerWith, CHAT, createTestApp, jsonInit, loopTurn, parseChunks, script } from "./support.ts";

const MESSAGES = [{ role: "user", content: "Hi" }];

const full: Backend = servedModel({
  id: "small",
  generate: async function* () {
    yield* [];
    throw new OverloadedError("The server already has 2 requests in progress.", 3_000);
  },
});
const large = servedModel({ id: "owner/large:Q4", generate: script(answerWith(["Hello"])) });

function appWith(models: readonly Backend[] = [full, large], route: Partial<Route> = {}) {
  const routes = [{ name: "chat", targets: models.map(({ id }) => ({ model: id })), ...route }];
  return createTestApp({ models, directory: { routes } });
}

const ask = (app: ReturnType<typeof appWith>["app"], path: string, body: object) =>
  app.request(path, jsonInit({ model: "chat", messages: MESSAGES, ...body }));

describe("an answer of a route", () => {
  const HEADER = '"owner/large:Q4", "small";failed=server_overloaded';

  it("names the model that answered, and tells of the others in a header", async () => {
    const answer = await ask(appWith().app, CHAT, {});
    expect(answer.status).toBe(200);
    expect(answer.headers.get("sluice-route")).toBe(HEADER);
    expect(await answer.json()).toMatchObject({
      model: "owner/large:Q4",
      choices: [{ message: { content: "Hello" } }],
    });
  });

  it("names it in every chunk of a stream", async () => {
    const answer = await ask(appWith().app, CHAT, { stream: true });
    expect(answer.headers.get("sluice-route")).toBe(HEADER);
    const models = parseChunks(await answer.text()).map(({ model }) => model);
    expect(new Set(models)).toEqual(new Set(["owner/large:Q4"]));
  });

  it("names it in each protocol", async () => {
    const { app } = appWith();
    const completion = await ask(app, "/v1/completions", { prompt: "Hi", messages: undefined });
    expect(await completion.json()).toMatchObject({ model: "owner/large:Q4" });
    const message = await ask(app, "/v1/messages", { max_tokens: 5 });
    expect(await message.json()).toMatchObject({ model: "owner/large:Q4" });
    const streamed = await ask(app, "/v1/messages", { max_tokens: 5, stream: true });
    expect(messageOf(parseStream(await streamed.text()))).toMatchObject({ model: "owner/large:Q4" });
    const response = await ask(app, "/v1/responses", { input: "Hi", messages: undefined, store: false });
    expect(await response.json()).toMatchObject({ model: "owner/large:Q4" });
    const events = await ask(app, "/v1/responses", { input: "Hi", messages: undefined, store: false, stream: true });
    const created = parseEvents(await events.text()).find(({ type }) => type === "response.created");
    expect(created).toMatchObject({ response: { model: "owner/large:Q4" } });
  });

  it("is marked in the stream where another target continues it", async () => {
    const broken = servedModel({
      id: "broken",
      generate: async function* () {
        yield { type: "text", choice: 0, text: "Well, " };
        throw new UpstreamError({ status: 502, message: "gone" });
      },
    });
    const answer = await ask(appWith([broken, large], { continue: true }).app, CHAT, { stream: true });
    const frames = (await answer.text()).split("\n\n");
    const mark = frames.indexOf(': sluice-continued "owner/large:Q4"');
    expect(frames[mark - 1]).toContain("Well, ");
    expect(frames[mark + 1]).toContain("Hello");
    expect(frames.filter((frame) => frame.startsWith(":")).length).toBe(1);
    const whole = await ask(appWith([broken, large], { continue: true }).app, CHAT, {});
    expect(whole.headers.get("sluice-route")).toBe('"owner/large:Q4", "broken";failed=broken_off');
    expect(await whole.json()).toMatchObject({ choices: [{ message: { content: "Well, Hello" } }] });
  });

  it("has the route and the model in the access log", async () => {
    const { app, log } = appWith();
    await (await ask(app, CHAT, {})).text();
    await loopTurn();
    expect(log.find(({ msg }) => msg === "request")).toMatchObject({
      model: "owner/large:Q4",
      route: "chat, small=server_overloaded",
    });
  });

  it("is the last error with what was tried, if no target answers", async () => {
    const answer = await ask(appWith([full]).app, CHAT, {});
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("3");
    expect(answer.headers.get("sluice-route")).toBe('"small";failed=server_overloaded');
  });

  it("is a 400 that gives the reasons, if no target may answer", async () => {
    const targets = [{ model: "small", when: { zone: "UTC", class: ["batch"] } }] as const;
    const answer = await ask(appWith([full], { targets }).app, CHAT, {});
    expect(answer.status).toBe(400);
    expect(answer.headers.get("sluice-route")).toBe('"small";excluded=class');
    expect(await answer.json()).toMatchObject({ error: { param: "model", code: "no_target" } });
  });

  it.each([
    [CHAT, {}],
    ["/v1/messages", { max_tokens: 5 }],
    ["/v1/embeddings", { input: "Hi", messages: undefined }],
  ])("is a 400 that gives the reasons, if no target is served: %s", async (path, body) => {
    const targets = [{ model: "gone" }, { model: "away" }];
    const answer = await ask(appWith([full], { targets }).app, path, body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("sluice-route")).toBe('"gone";excluded=not_served, "away";excluded=not_served');
    expect(await answer.text()).toContain("gone (not_served), away (not_served)");
  });

  it("has no such header where a model is asked by its own name", async () => {
    const answer = await ask(appWith().app, CHAT, { model: "owner/large:Q4" });
    expect(answer.headers.get("sluice-route")).toBeNull();
  });
});

describe("vectors of a route", () => {
  const vectors = async () => ({ vectors: [new Float32Array([1, 0])], tokens: 2 });

  it("are made by the first target that makes them", async () => {
    const maker = servedModel({ id: "vectors", embed: vectors });
    const answer = await ask(appWith([large, maker]).app, "/v1/embeddings", { input: "Hi", messages: undefined });
    expect(await answer.json()).toMatchObject({ model: "vectors" });
    expect(answer.headers.get("sluice-route")).toBe('"vectors", "owner/large:Q4";excluded=unable');
  });

  it("are not made by another target when one fails, since they could not be compared", async () => {
    const failing = servedModel({
      id: "failing",
      async embed() {
        throw new UpstreamError({ status: 500, message: "no" });
      },
    });
    const app = appWith([failing, servedModel({ id: "vectors", embed: vectors })]).app;
    expect((await ask(app, "/v1/embeddings", { input: "Hi", messages: undefined })).status).toBe(502);
  });
});

describe("the name of a route", () => {
  it("is listed after the models", async () => {
    const list = await (await appWith().app.request("/v1/models")).json();
    expect(list).toMatchObject({ data: [{ id: "small" }, { id: "owner/large:Q4" }, { id: "chat" }] });
    const shown = await appWith().app.request("/v1/models/chat");
    expect(await shown.json()).toMatchObject({ id: "chat", max_model_len: 4096, state: "ready" });
  });

  it("is no further model that a request without a name could mean", async () => {
    const { app } = appWith([large]);
    expect(await (await ask(app, CHAT, { model: undefined })).json()).toMatchObject({ model: "owner/large:Q4" });
    const other = createTestApp({
      models: [large],
      directory: { routes: [{ name: "default", targets: [{ model: large.id }] }] },
    });
    const answer = await ask(other.app, CHAT, { model: undefined });
    expect(answer.headers.get("sluice-route")).toBe('"owner/large:Q4"');
  });
});

describe("the header of a route", () => {
  it("has reasons, predictions and any name in the form of structured fields", () => {
    const steps = [
      { target: "cloud", outcome: "answered", firstTokenMs: 300.4 },
      { target: 'my "model" \\ äö😀\ud800', outcome: "spare", reason: "late", firstTokenMs: Number.POSITIVE_INFINITY },
      { target: "x", outcome: "failed", reason: 'a;b="c"' },
    ] as const;
    expect(formatRoute({ steps })).toBe(
      '"cloud";ms=300, "my \\"model\\" \\\\ %C3%A4%C3%B6%F0%9F%98%80%EF%BF%BD";spare=late, "x";failed=a_b__c_',
    );
  });

  it("says why what answered was not asked first", () => {
    const confidence = { mean: -0.1234, least: -7_000_000 };
    expect(formatRoute({ steps: [{ target: "a", outcome: "failed", reason: "unsure", confidence }] })).toBe(
      '"a";failed=unsure;mean=-0.12;least=-999999.00',
    );
    expect(formatRoute({ steps: [{ target: "a", outcome: "answered", reason: "late" }] })).toBe('"a";though=late');
  });
});
