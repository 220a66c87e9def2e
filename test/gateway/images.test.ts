import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { answerAs, ask, closeUpstreams, heardBy, openUpstream } from "./support.ts";

afterEach(closeUpstreams);

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const DATA = `data:image/png;base64,${PNG}`;
const ADDRESS = "https://pictures.example/cat.png";

const KINDS = ["generic", "anthropic", "ollama"] as const;
type Kind = (typeof KINDS)[number];

/** A gateway in front of a server of that kind, whose model reads images. */
const open = (kind: Kind, more = "") => openUpstream(answerAs(kind, "A cat"), `kind: ${kind}, cache: true${more}`);

/** A question about an image, in each protocol. */
const QUESTIONS: Readonly<Record<string, object>> = {
  "/v1/chat/completions": {
    messages: [{ role: "user", content: ["What is it?", DATA].map(chatPart) }],
  },
  "/v1/messages": {
    max_tokens: 50,
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "What is it?" },
          { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
        ],
      },
    ],
  },
  "/v1/responses": {
    input: [
      {
        role: "user",
        content: [
          { type: "input_text", text: "What is it?" },
          { type: "input_image", image_url: DATA },
        ],
      },
    ],
  },
  "/api/chat": { stream: false, messages: [{ role: "user", content: "What is it?", images: [PNG] }] },
  "/api/generate": { stream: false, prompt: "What is it?", images: [PNG] },
};

/** The messages in which each kind of server gets the question. */
const ASKED: Readonly<Record<Kind, object>> = {
  generic: { role: "user", content: ["What is it?", DATA].map(chatPart) },
  anthropic: {
    role: "user",
    content: [
      { type: "text", text: "What is it?" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
    ],
  },
  ollama: { role: "user", content: "What is it?", images: [PNG] },
};

function chatPart(text: string): object {
  return /^(data|https?):/.test(text) ? { type: "image_url", image_url: { url: text } } : { type: "text", text };
}

describe("an image", () => {
  it.each(KINDS.flatMap((kind) => Object.keys(QUESTIONS).map((path) => [kind, path] as const)))(
    "reaches a server of the kind %s from %s",
    async (kind, path) => {
      const opened = await open(kind);
      const { status, text } = await ask(opened, path, { model: "ours", ...QUESTIONS[path] });
      expect([status, text.includes("A cat")], text).toEqual([200, true]);
      expect(heardBy(opened)).toMatchObject({ messages: [ASKED[kind]] });
    },
  );

  it("is passed on as an address, and with its detail", async () => {
    const content = [{ type: "image_url", image_url: { url: ADDRESS, detail: "high" } }];
    const body = { model: "ours", messages: [{ role: "user", content }] };
    const openAi = await open("generic");
    await ask(openAi, "/v1/chat/completions", body);
    expect(heardBy(openAi)).toMatchObject({ messages: [{ role: "user", content }] });
    const anthropic = await open("anthropic");
    await ask(anthropic, "/v1/chat/completions", body);
    expect(heardBy(anthropic)).toMatchObject({
      messages: [{ role: "user", content: [{ type: "image", source: { type: "url", url: ADDRESS } }] }],
    });
  });

  it("that is only an address is refused for a server that takes none", async () => {
    const opened = await open("ollama");
    const messages = [{ role: "user", content: [chatPart(ADDRESS)] }];
    const { status, text } = await ask(opened, "/v1/chat/completions", { model: "ours", messages });
    expect([status, JSON.parse(text)]).toMatchObject([400, { error: { param: "image_url" } }]);
    expect(opened.mock.posts()).toEqual([]);
  });

  it("of a tool's result follows the results where the server's API has only texts there", async () => {
    const use = (id: string) => ({ type: "tool_use", id, name: "look", input: {} });
    const seen = (id: string, content: object[]) => ({ type: "tool_result", tool_use_id: id, content });
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } };
    const body = {
      ...{ model: "ours", max_tokens: 50 },
      tools: [{ name: "look", input_schema: { type: "object" } }],
      messages: [
        { role: "user", content: "Look twice." },
        { role: "assistant", content: [use("a"), use("b")] },
        { role: "user", content: [seen("a", [{ type: "text", text: "first" }, image]), seen("b", [image])] },
      ],
    };
    const openAi = await open("generic");
    expect(await ask(openAi, "/v1/messages", body)).toMatchObject({ status: 200 });
    expect(heardBy(openAi)).toMatchObject({
      messages: [
        { role: "user" },
        { role: "assistant" },
        { role: "tool", tool_call_id: "a", content: expect.stringContaining("first") },
        { role: "tool", tool_call_id: "b" },
        { role: "user", content: [chatPart(DATA), chatPart(DATA)] },
      ],
    });
    const anthropic = await open("anthropic");
    expect(await ask(anthropic, "/v1/messages", body)).toMatchObject({ status: 200 });
    expect(heardBy(anthropic)).toMatchObject({
      messages: [{}, {}, { content: [{ content: [{ type: "text", text: "first" }, image] }, { content: [image] }] }],
    });
  });

  it("of an earlier turn is still seen in the next, also of a stored response", async () => {
    const opened = await open("generic");
    const first = await ask(opened, "/v1/responses", { model: "ours", ...QUESTIONS["/v1/responses"] });
    const { id } = JSON.parse(first.text);
    await ask(opened, "/v1/responses", { model: "ours", previous_response_id: id, input: "And its colour?" });
    expect(heardBy(opened)).toMatchObject({
      messages: [ASKED.generic, { role: "assistant" }, { role: "user", content: "And its colour?" }],
    });
    const items = await opened.gateway.app.request(`/v1/responses/${id}/input_items`);
    expect(await items.json()).toMatchObject({
      data: [{ content: [{ type: "input_text" }, { type: "input_image", image_url: DATA, detail: "auto" }] }],
    });
  });

  it("makes another answer of the cache than another image", async () => {
    const opened = await open("generic");
    const posts: number[] = [];
    for (const url of [DATA, ADDRESS, DATA]) {
      const messages = [{ role: "user", content: ["What is it?", url].map(chatPart) }];
      await ask(opened, "/v1/chat/completions", { model: "ours", temperature: 0, messages });
      posts.push(opened.mock.posts().length);
    }
    expect(posts).toEqual([1, 2, 2]);
  });

  it("is refused in words for a model that reads none, and is a note in earlier turns", async () => {
    const opened = await open("generic", ", capabilities: { images: false }");
    for (const [path, question] of Object.entries(QUESTIONS)) {
      const { status, text } = await ask(opened, path, { model: "ours", ...question });
      expect([status, text.includes("the model reads text only")], text).toEqual([400, true]);
    }
    const messages = [ASKED.generic, { role: "assistant", content: "A cat" }, { role: "user", content: "Thanks." }];
    expect(await ask(opened, "/v1/chat/completions", { model: "ours", messages })).toMatchObject({ status: 200 });
    expect(heardBy(opened)).toMatchObject({
      messages: [{ content: "What is it?\n[image omitted: the model reads text only]" }, {}, { content: "Thanks." }],
    });
  });

  it("that is no image, no base64 and no address of the web is refused, and the field named", async () => {
    const opened = await open("generic");
    const wrong = fc.oneof(
      fc.constantFrom("file:///etc/passwd", "ftp://a/b.png", "data:text/html;base64,AAAA", "data:image/png,AAAA", ""),
      fc.string().filter((text) => !/^(https?:|data:image)/i.test(text)),
      fc.anything().filter((value) => typeof value !== "string"),
    );
    await fc.assert(
      fc.asyncProperty(wrong, async (url) => {
        const messages = [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }];
        const { status, text } = await ask(opened, "/v1/chat/completions", { model: "ours", messages });
        expect([status, JSON.parse(text)]).toMatchObject([400, { error: { param: "messages[0].content[0]" } }]);
      }),
      { numRuns: 60 },
    );
    const images = await ask(opened, "/api/chat", { model: "ours", messages: [{ role: "user", images: ["no"] }] });
    expect([images.status, images.text]).toEqual([400, expect.stringContaining("messages[0].images[0]")]);
    expect(opened.mock.posts()).toEqual([]);
  });
});
