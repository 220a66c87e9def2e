import { describe, expect, it } from "vitest";
import { z } from "zod";
import { chatCompletion, error } from "../../src/protocols/openai-responses.ts";
import { bodyOf, jsonInit } from "./responses-support.ts";
import { CHAT, chatInit, createTestApp, parseChunks } from "./support.ts";

type App = ReturnType<typeof createTestApp>["app"];

const stored = chatCompletion.extend({ metadata: z.record(z.string(), z.string()) });
const list = z.strictObject({
  object: z.literal("list"),
  data: z.array(stored),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

async function complete(app: App, body: Readonly<Record<string, unknown>> = {}) {
  return chatCompletion.parse(await bodyOf(app.request(CHAT, chatInit({ store: true, ...body }))));
}

const listOf = async (app: App, query = "") => list.parse(await bodyOf(app.request(`${CHAT}${query}`)));

describe("a stored chat completion", () => {
  it("is shown as it was sent, with its metadata, which can be changed", async () => {
    const { app } = createTestApp();
    const answer = await complete(app, { metadata: { topic: "sea" } });
    const url = `${CHAT}/${answer.id}`;
    expect(stored.parse(await bodyOf(app.request(url)))).toEqual({ ...answer, metadata: { topic: "sea" } });
    const changed = await bodyOf(app.request(url, jsonInit({ metadata: { topic: "fox" } })));
    expect(changed).toMatchObject({ id: answer.id, metadata: { topic: "fox" } });
    expect(stored.parse(await bodyOf(app.request(url))).metadata).toEqual({ topic: "fox" });
  });

  it("is the same when it was streamed", async () => {
    const { app } = createTestApp();
    const chunks = parseChunks(await (await app.request(CHAT, chatInit({ store: true, stream: true }))).text());
    const kept = stored.parse(await bodyOf(app.request(`${CHAT}/${chunks[0]?.id}`)));
    expect(kept.choices[0]?.message.content).toBe("Hello there!");
    expect(kept.usage.total_tokens).toBe(16);
  });

  it("is not stored by default", async () => {
    const { app } = createTestApp();
    const { id } = await complete(app, { store: false });
    const answer = await app.request(`${CHAT}/${id}`);
    expect(answer.status).toBe(404);
    expect(error.parse(await answer.json()).error.message).toContain(`Completion with id '${id}' not found.`);
  });

  it("is listed in pages, by model and by metadata", async () => {
    const { app } = createTestApp();
    const first = await complete(app, { metadata: { topic: "sea" } });
    const second = await complete(app);
    expect(await listOf(app, "?limit=1")).toMatchObject({
      data: [{ id: first.id }],
      has_more: true,
      last_id: first.id,
    });
    expect((await listOf(app, `?after=${first.id}`)).data).toMatchObject([{ id: second.id }]);
    expect((await listOf(app, "?order=desc")).first_id).toBe(second.id);
    expect((await listOf(app, "?metadata[topic]=sea")).data).toMatchObject([{ id: first.id }]);
    expect((await listOf(app, "?model=other")).data).toEqual([]);
    expect((await app.request(`${CHAT}?after=nobody`)).status).toBe(400);
  });

  it("lists the messages that it answered", async () => {
    const { app } = createTestApp();
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "Hi" }], name: "Ann" },
    ];
    const { id } = await complete(app, { messages });
    const url = `${CHAT}/${id}/messages`;
    expect(await bodyOf(app.request(url))).toEqual({
      object: "list",
      data: [
        { id: `${id}-0`, role: "system", content: "Be brief.", content_parts: null },
        { id: `${id}-1`, role: "user", name: "Ann", content: null, content_parts: [{ type: "text", text: "Hi" }] },
      ],
      first_id: `${id}-0`,
      last_id: `${id}-1`,
      has_more: false,
    });
    const newest = await bodyOf(app.request(`${url}?order=desc&limit=1`));
    expect(newest).toMatchObject({ data: [{ id: `${id}-1` }], has_more: true });
    expect(await bodyOf(app.request(`${url}?after=${id}-0`))).toMatchObject({ data: [{ id: `${id}-1` }] });
    expect((await app.request(`${url}?after=nobody`)).status).toBe(400);
  });

  it("is gone after it is deleted", async () => {
    const { app } = createTestApp();
    const { id } = await complete(app);
    expect(await bodyOf(app.request(`${CHAT}/${id}`, { method: "DELETE" }))).toEqual({
      id,
      object: "chat.completion.deleted",
      deleted: true,
    });
    expect((await listOf(app)).data).toEqual([]);
  });
});
