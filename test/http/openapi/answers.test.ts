import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Embed } from "../../../src/generation/embedding.ts";
import type { Operation } from "../../../src/http/openapi/operation.ts";
import type { LiveFeed } from "../../../src/http/routes/live.ts";
import { routes as operations } from "../../../src/http/routes.ts";
import { createAccess } from "../../../src/keys/access.ts";
import { policySchema } from "../../../src/keys/key.ts";
import { issueKey } from "../../../src/keys/manage.ts";
import type { ModelLibrary } from "../../../src/routing/library.ts";
import { createTestLive } from "../../live/support.ts";
import { preset } from "../../prompts/support.ts";
import { openState } from "../../store/support.ts";
import { admitted, finished, openBook, started, text } from "../../telemetry/requests/play.ts";
import { answerWith, createTestApp, formInit, jsonInit, MODEL_ID, script, servedModel } from "../support.ts";
import { answerOf } from "../what-if-support.ts";

const embed: Embed = async ({ items }) => ({ vectors: items.map(() => Float32Array.of(0.5, -0.5)), tokens: 9 });
const identified = z.looseObject({ id: z.string() });
/** What the server's adapter tells of the connection. */
const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
/** A library with one model, which is served. */
const library: ModelLibrary = {
  pull: async () => ({ id: MODEL_ID, isNew: true }),
  remove: async () => {},
  list: async () => ({
    entries: [{ name: MODEL_ID, servedAs: MODEL_ID, isDownloaded: true, isGiven: true, memoryBytes: 20 }],
    unusable: [{ file: "broken.gguf", reason: "it is no model" }],
    memory: { budgetBytes: 10, heldBytes: 0, pinnedBytes: 0 },
  }),
};
const ENDLESS = "Count for ever.";
const NEW_BATCH = { endpoint: "/v1/chat/completions", completion_window: "24h" };
/** What is there only when a batch has ended. */
const WANTS_END = ["deleteMessageBatch", "messageBatchResults"];
/** Its answers need more than one key, so that every request needs one. */
const isAboutKeys = ({ path }: Operation) => path.startsWith("/admin/keys");
const message = { type: "message", role: "user", content: "Hello." };

/** Answers at once, or never what is in the background. */
const generate = script(async function* (request) {
  if (JSON.stringify(request.prompt).includes(ENDLESS)) {
    yield { type: "started", promptTokens: 1, cachedTokens: 0 };
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    throw request.signal.reason;
  }
  yield* answerWith(["Hello"]);
});

/** Shows a second of what is live, and ends. */
function createBriefLive(): LiveFeed {
  const { clock, live } = createTestLive();
  return {
    async watch(viewer) {
      const seen = live.watch(viewer);
      clock.advance(1_000);
      live.close();
      return seen;
    },
  };
}

/** An app that keeps something of each kind, with what stands for the `{…}` of each path. */
async function createFilledApp() {
  const model = servedModel(generate, { embed, load: async () => {}, unload: async () => {}, pin() {} });
  const state = openState();
  const { book, run, answered: send } = openBook();
  const request = await run({ id: "req_kept" }, admitted(0), started(10), text, finished(1));
  send(request);
  const { app } = createTestApp({
    state,
    access: createAccess({ config: { keysFile: "", apiKey: "" }, state, logger: pino({ level: "silent" }) }),
    requests: book,
    whatIf: answerOf(20),
    presets: [preset("template: '{{input}}'\n", "commit-message")],
    settings: { mcp: true },
    models: [{ ...model, can: { ...model.can, reranking: true } }],
    directory: { routes: [{ name: "any", targets: [{ model: MODEL_ID }] }] },
    library,
    live: createBriefLive(),
  });
  const create = async (path: string, body: unknown) =>
    identified.parse(await (await app.request(path, jsonInit(body))).json()).id;
  const chat = await create("/v1/chat/completions", { model: MODEL_ID, messages: [message], store: true });
  const response = await create("/v1/responses", { model: MODEL_ID, input: ENDLESS, background: true });
  const conversation = await create("/v1/conversations", { items: [message] });
  const store = async () =>
    identified.parse(await (await app.request("/v1/files", formInit({ purpose: "batch", file: "{}" }))).json()).id;
  const file = await store();
  const batch = await create("/v1/batches", { ...NEW_BATCH, input_file_id: await store() });
  const messageBatch = await create("/v1/messages/batches", { requests: [{ custom_id: "a", params: {} }] });
  // Nothing runs batches here.
  const ended = { to: "completed", moment: "completed_ms", atMs: 1 } as const;
  const end = () => state.batchQueue.change(messageBatch, ["in_progress"], ended);
  const announced = { purpose: "batch", filename: "in.jsonl", mime_type: "text/plain" };
  const upload = await create("/v1/uploads", { ...announced, bytes: 10 });
  const emptyUpload = await create("/v1/uploads", { ...announced, bytes: 0 });
  const kept = await app.request("/v1/chat/completions", {
    ...jsonInit({ model: MODEL_ID, messages: [message], stream: true }),
    headers: { "content-type": "application/json", "sluice-resume": "1" },
  });
  const stream = kept.headers.get("x-request-id");
  const items = await (await app.request(`/v1/conversations/${conversation}/items`)).json();
  const [item] = z.object({ data: z.array(identified) }).parse(items).data;
  const fill = (path: string) =>
    path
      .replace("/chat/completions/{id}", `/chat/completions/${chat}`)
      .replace("/responses/{id}", `/responses/${response}`)
      .replace("/streams/{id}", `/streams/${stream}`)
      .replace("/conversations/{id}", `/conversations/${conversation}`)
      .replace("/messages/batches/{id}", `/messages/batches/${messageBatch}`)
      .replace("/batches/{id}", `/batches/${batch}`)
      .replace("/uploads/{id}/complete", `/uploads/${emptyUpload}/complete`)
      .replace("/uploads/{id}", `/uploads/${upload}`)
      .replace("/files/{id}", `/files/${file}`)
      .replace("/requests/{id}", `/requests/${request.id}`)
      .replace("/models/{id}", `/models/${MODEL_ID}`)
      .replace("{item}", item?.id ?? "");
  const issue = (name: string) =>
    issueKey(state.keys, { name, expiresMs: undefined, policy: policySchema.parse({ admin: true }) }, 0);
  /** Examples can't know the ids of what was stored. */
  const complete = (body: unknown) => JSON.parse(JSON.stringify(body).replaceAll(/file-0{32}/g, file));
  return { app, fill, complete, end, issue };
}

/** Every operation that HTTP answers, with each of its examples, or without a body where it takes none; test/http/websocket.test.ts has the other. */
const answered = operations.filter(({ answers }) => !(101 in answers));
const requests = answered.flatMap((operation) => {
  const examples = Object.entries(operation.request?.examples ?? { "no body": undefined });
  return examples.map(([name, body]) => [operation.id, name, operation, body] as const);
});

describe("the API's document", () => {
  it.each(requests)("describes correctly what %s answers to %s", async (_id, _name, operation, body) => {
    const { app, fill, complete, end, issue } = await createFilledApp();
    if (WANTS_END.includes(operation.id)) end();
    const toInit = operation.request?.isForm === true ? formInit : jsonInit;
    const init = body === undefined ? {} : toInit(complete(body));
    const request = new Request(`http://localhost${fill(operation.path)}`, {
      ...init,
      method: operation.method.toUpperCase(),
    });
    const response = isAboutKeys(operation)
      ? await askAsAdmin(request)
      : await app.request(request, undefined, FROM_HERE);

    async function askAsAdmin(asked: Request): Promise<Response> {
      const { id } = issue("another").record;
      const own = new Request(asked.url.replace("%7Bid%7D", id), asked);
      own.headers.set("authorization", `Bearer ${issue("an admin").secret}`);
      return app.request(own, undefined, FROM_HERE);
    }
    const text = await response.text();
    expect(`${response.status} ${text}`).toMatch(/^20[02] /);
    const type = response.headers.get("content-type")?.split(";")[0] ?? "";
    for (const value of valuesOf(type, text)) {
      expect(schemaOf(operation, response.status, type).safeParse(value).error).toBeUndefined();
    }
  });
});

function schemaOf(operation: Operation, status: number, type: string): z.ZodType {
  const content = operation.answers[status]?.content?.[type];
  if (content === undefined) throw new Error(`${operation.id} says nothing of ${type}.`);
  return content === "text" ? z.string() : content.schema;
}

/** What a body holds: one value, or the data of each event of a stream. */
function valuesOf(type: string, text: string): readonly unknown[] {
  if (type === "application/json") return [JSON.parse(text)];
  if (type === "application/x-ndjson")
    return (
      text
        .trimEnd()
        .split("\n")
        // A sign of life.
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line))
    );
  if (type !== "text/event-stream") return [text];
  const data = [...text.matchAll(/^data: (.*)$/gm)].map(([, frame = ""]) => frame);
  expect(data.length).toBeGreaterThan(0);
  return data.filter((frame) => frame !== "[DONE]").map((frame) => JSON.parse(frame));
}
