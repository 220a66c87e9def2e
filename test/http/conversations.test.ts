import { describe, expect, it } from "vitest";
import { error } from "../../src/protocols/openai-responses.ts";
import { conversation as conversationSchema, itemList } from "../fixtures/openai/responses.ts";
import { bodyOf, jsonInit, respond, responseOf } from "./responses-support.ts";
import { answerWith, createTestApp, script } from "./support.ts";

const CONVERSATIONS = "/v1/conversations";
const MESSAGE = { type: "message", role: "user", content: "Hi" };

type App = ReturnType<typeof createTestApp>["app"];

async function create(app: App, body: unknown = {}) {
  return conversationSchema.parse(await bodyOf(app.request(CONVERSATIONS, jsonInit(body))));
}

async function itemsOf(app: App, id: string, query = "?order=asc") {
  return itemList.parse(await bodyOf(app.request(`${CONVERSATIONS}/${id}/items${query}`)));
}

describe("a conversation", () => {
  it("is created with items and metadata, shown, changed and deleted", async () => {
    const { app } = createTestApp();
    const created = await create(app, { items: [MESSAGE], metadata: { topic: "sea" } });
    expect(created.metadata).toEqual({ topic: "sea" });
    const url = `${CONVERSATIONS}/${created.id}`;
    expect(await bodyOf(app.request(url))).toEqual(created);
    const changed = await bodyOf(app.request(url, jsonInit({ metadata: { topic: "fox" } })));
    expect(changed).toEqual({ ...created, metadata: { topic: "fox" } });
    expect(await bodyOf(app.request(url, { method: "DELETE" }))).toEqual({
      id: created.id,
      object: "conversation.deleted",
      deleted: true,
    });
    const gone = await app.request(url);
    expect(gone.status).toBe(404);
    expect(error.parse(await gone.json()).error.message).toBe(`Conversation with id '${created.id}' not found.`);
  });

  it("is created without a body, as the official clients do, but not by a web page", async () => {
    const { app } = createTestApp();
    const bare = await app.request(CONVERSATIONS, { method: "POST" });
    expect(conversationSchema.parse(await bare.json()).metadata).toEqual({});
    const page = await app.request(CONVERSATIONS, { method: "POST", headers: { origin: "https://example.com" } });
    expect(page.status).toBe(415);
  });

  it("accepts items, shows them one by one, and deletes them", async () => {
    const { app } = createTestApp();
    const { id } = await create(app);
    const items = `${CONVERSATIONS}/${id}/items`;
    const added = itemList.parse(await bodyOf(app.request(items, jsonInit({ items: [MESSAGE, MESSAGE] }))));
    expect(added).toMatchObject({ data: [{ content: [{ text: "Hi" }] }, {}], has_more: false });
    expect((await itemsOf(app, id)).data).toEqual(added.data);
    expect((await itemsOf(app, id, "?limit=1")).data).toEqual(added.data.slice(1));

    const first = `${items}/${added.first_id}`;
    expect(await bodyOf(app.request(first))).toEqual(added.data[0]);
    expect(await bodyOf(app.request(first, { method: "DELETE" }))).toMatchObject({ id, object: "conversation" });
    expect((await app.request(first)).status).toBe(404);
    expect((await app.request(first, { method: "DELETE" })).status).toBe(404);
    expect((await itemsOf(app, id)).data).toEqual(added.data.slice(1));
  });

  it("has no two items of one id", async () => {
    const { app } = createTestApp();
    const { id } = await create(app, { items: [{ ...MESSAGE, id: "msg_1" }] });
    const answer = await app.request(
      `${CONVERSATIONS}/${id}/items`,
      jsonInit({ items: [{ ...MESSAGE, id: "msg_1" }] }),
    );
    expect(answer.status).toBe(400);
    expect(error.parse(await answer.json()).error).toMatchObject({ param: "items" });
  });

  it.each([
    [{ items: "Hi" }, "items"],
    [{ items: [{ role: "user", content: [{ type: "input_image" }] }] }, "items[0].content[0]"],
    [{ metadata: "sea" }, "metadata"],
  ])("is refused with %j", async (body, param) => {
    const { app } = createTestApp();
    const answer = await app.request(CONVERSATIONS, jsonInit(body));
    expect(answer.status).toBe(400);
    expect(error.parse(await answer.json()).error.param).toBe(param);
  });
});

describe("a response in a conversation", () => {
  it("sees the earlier items, and adds its input and its output", async () => {
    const prompts: string[][] = [];
    const { app } = createTestApp({
      generate: script(async function* ({ prompt }) {
        prompts.push(prompt.type === "chat" ? prompt.messages.map(({ content }) => content) : []);
        yield* answerWith([`answer ${prompts.length}`]);
      }),
    });
    const { id } = await create(app, { items: [{ role: "developer", content: "Be brief." }] });
    const first = await responseOf(app, { conversation: id });
    expect(first.conversation).toEqual({ id });
    const stream = await respond(app, { conversation: { id }, input: "And?", stream: true });
    await stream.text();
    expect(prompts).toEqual([
      ["Be brief.", "Hi"],
      ["Be brief.", "Hi", "answer 1", "And?"],
    ]);
    const { data } = await itemsOf(app, id);
    expect(data).toHaveLength(5);
    expect(data[2]).toEqual(first.output[0]);
  });

  it("adds to it even when the response itself is not stored", async () => {
    const { app } = createTestApp();
    const { id } = await create(app);
    await responseOf(app, { conversation: id, store: false });
    expect((await itemsOf(app, id)).data).toHaveLength(2);
  });

  it("adds to it when it ran in the background", async () => {
    const { app, runs } = createTestApp();
    const { id } = await create(app);
    await responseOf(app, { conversation: id, background: true });
    await runs.settled();
    expect((await itemsOf(app, id)).data).toHaveLength(2);
  });

  it("adds nothing when it fails", async () => {
    const { app } = createTestApp({
      generate: script(async function* () {
        yield* answerWith(["Hel"]).slice(0, -1);
        throw new Error("broken");
      }),
    });
    const { id } = await create(app);
    expect((await respond(app, { conversation: id })).status).toBe(500);
    expect((await itemsOf(app, id)).data).toHaveLength(0);
  });

  it("is a 404 when there is no such conversation", async () => {
    const { app } = createTestApp();
    expect((await respond(app, { conversation: "conv_none" })).status).toBe(404);
  });
});
