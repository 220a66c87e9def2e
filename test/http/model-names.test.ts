import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Backend } from "../../src/generation/backend.ts";
import type { Embed } from "../../src/generation/embedding.ts";
import type { DirectoryOptions } from "../../src/routing/directory.ts";
import { servedModel } from "../fixtures/served-model.ts";
import { preset } from "../prompts/support.ts";
import { answerWith, createTestApp, jsonInit, script } from "./support.ts";

const embed: Embed = async ({ items }) => ({ vectors: items.map(() => Float32Array.of(1)), tokens: 9 });
const message = [{ role: "user", content: "Hi" }];
const answered = z.looseObject({ model: z.string() });
const list = z.looseObject({ data: z.array(z.looseObject({ id: z.string(), root: z.string().optional() })) });

/** Each route that takes a model, with a body that names none. */
const ROUTES: readonly (readonly [string, object])[] = [
  ["/v1/chat/completions", { messages: message }],
  ["/v1/completions", { prompt: "Hi" }],
  ["/v1/responses", { input: "Hi", store: false }],
  ["/v1/responses/input_tokens", { input: "Hi" }],
  ["/v1/messages", { messages: message, max_tokens: 4 }],
  ["/v1/messages/count_tokens", { messages: message }],
  ["/v1/embeddings", { input: "Hi" }],
  ["/tokenize", { content: "Hi" }],
  ["/detokenize", { tokens: [1] }],
  ["/apply-template", { messages: message }],
];

function model(id: string, overrides: Partial<Backend> = {}): Backend {
  return servedModel({ id, generate: script(answerWith(["Hi"])), embed, ...overrides });
}

function embedder(id: string, reranks = false): Backend {
  const { can } = model(id);
  return model(id, { can: { ...can, text: false, embeddings: !reranks, reranking: reranks } });
}

function createApp(models: readonly Backend[], directory: DirectoryOptions = {}, listPresets = true) {
  return createTestApp({
    models,
    directory,
    presets: [preset("template: Write a haiku.\n", "haiku")],
    settings: { listPresets },
  }).app;
}

async function ask(app: ReturnType<typeof createApp>, path: string, body: object) {
  const response = await app.request(path, jsonInit(body));
  return { status: response.status, body: await response.json() };
}

describe("a request that names no model", () => {
  it.each(ROUTES)("is answered by the only one at %s", async (path, body) => {
    const app = createApp([model("one")]);
    for (const name of [{}, { model: null }, { model: "" }]) {
      expect((await ask(app, path, { ...body, ...name })).status).toBe(200);
    }
  });

  it("is answered by the only capable model", async () => {
    const app = createApp([embedder("vectors"), model("text"), embedder("ranks", true)]);
    const chat = await ask(app, "/v1/chat/completions", { messages: message });
    const vectors = await ask(app, "/v1/embeddings", { input: "Hi" });
    const ranking = await ask(app, "/v1/rerank", { query: "Hi", documents: ["Hello"] });
    expect([chat, vectors, ranking].map(({ body }) => answered.parse(body).model)).toEqual([
      "text",
      "vectors",
      "ranks",
    ]);
  });

  it("is refused when several could be meant, with their names", async () => {
    const { status, body } = await ask(createApp([model("one"), model("two")]), "/v1/chat/completions", {
      messages: message,
    });
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { param: "model", code: "missing_required_parameter" } });
    expect(JSON.stringify(body)).toContain("one, two");
  });

  it("is answered by the one that the settings call `default`", async () => {
    const app = createApp([model("one"), model("two")], { aliases: ["default=two"] });
    expect(answered.parse((await ask(app, "/v1/chat/completions", { messages: message })).body).model).toBe("two");
  });
});

describe("a request for a model that isn't there", () => {
  it.each(ROUTES)("is a 404 at %s, unless the settings say otherwise", async (path, body) => {
    const named = { ...body, model: "gpt-4o" };
    expect((await ask(createApp([model("one")]), path, named)).status).toBe(404);
    expect((await ask(createApp([model("one")], { unknownModel: "default" }), path, named)).status).toBe(200);
  });

  it("goes to the first, or to the one called `default`, when the settings say so", async () => {
    const models = [model("one"), model("two")];
    const wanted = { messages: message, model: "claude-haiku" };
    for (const [directory, id] of [
      [{ unknownModel: "default" }, "one"],
      [{ unknownModel: "default", aliases: ["Default=two"] }, "two"],
    ] as const) {
      const { body } = await ask(createApp(models, directory), "/v1/chat/completions", wanted);
      expect(answered.parse(body).model).toBe(id);
    }
  });

  it("stays a 404 when a preset or a list's entry was requested", async () => {
    const app = createApp([model("one")], { unknownModel: "default" });
    expect((await ask(app, "/v1/chat/completions", { messages: message, model: "preset/none" })).status).toBe(404);
    expect((await app.request("/v1/models/gpt-4o")).status).toBe(404);
  });
});

describe("an alias of the settings", () => {
  it.each(ROUTES)("is answered by its model at %s", async (path, body) => {
    const app = createApp([model("one"), model("two")], { aliases: ["gpt-4o=two"] });
    const { status, body: answer } = await ask(app, path, { ...body, model: "GPT-4o" });
    expect(status).toBe(200);
    if (Object(answer).model !== undefined) expect(answered.parse(answer).model).toBe("two");
  });

  it("is listed beside its model, and names it", async () => {
    const app = createApp([model("one", { aliases: ["own"] }), model("two")], { aliases: ["gpt-4o=own"] }, false);
    const { data } = list.parse(await (await app.request("/v1/models")).json());
    expect(data.map(({ id, root }) => [id, root])).toEqual([
      ["one", undefined],
      ["gpt-4o", "one"],
      ["two", undefined],
    ]);
    const shown = await (await app.request("/v1/models/GPT-4o")).json();
    expect(shown).toMatchObject({ id: "gpt-4o", root: "one" });
    const anthropic = await app.request("/v1/models", { headers: { "anthropic-version": "2023-06-01" } });
    expect(list.parse(await anthropic.json()).data.map(({ id }) => id)).toContain("gpt-4o");
  });
});

describe("the list of models", () => {
  it("omits presets when the settings say so, and they still work", async () => {
    for (const [isListed, ids] of [
      [true, ["one", "preset/haiku"]],
      [false, ["one"]],
    ] as const) {
      const app = createApp([model("one")], {}, isListed);
      expect(list.parse(await (await app.request("/v1/models")).json()).data.map(({ id }) => id)).toEqual(ids);
      expect((await app.request("/v1/models/preset/haiku")).status).toBe(200);
    }
  });
});
