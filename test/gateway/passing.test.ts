import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import {
  answerWith,
  type Behave,
  begin,
  chunk,
  json,
  type MockUpstream,
  mockUpstream,
  send,
} from "../fixtures/mock-upstream.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

type Opened = { readonly gateway: Gateway; readonly mock: MockUpstream; readonly lines: object[] };

/** A gateway in front of a server that behaves so. Each model is the server's `theirs`. */
async function open(behave: Behave, upstream: string = "", more: string = ""): Promise<Opened> {
  const mock = await mockUpstream(behave);
  ends.push(mock.close);
  const text = `upstreams:\n  there: { baseUrl: "${mock.url}", models: { ours: theirs }${upstream && `, ${upstream}`} }\nstateFile: ":memory:"\nwarmPresets: false\n${more}`;
  const { config } = loadConfig({
    ...{ flags: { config: "sluice.yaml" }, env: {}, cwd: "/nowhere" },
    readFile: () => new TextEncoder().encode(text),
  });
  const lines: object[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const gateway = await createGateway({ config, models: [], logger });
  ends.push(gateway.stop);
  await gateway.start();
  return { gateway, mock, lines };
}

const QUESTION = { model: "ours", messages: [{ role: "user", content: "Hi" }] };
const CHAT = "/v1/chat/completions";

async function ask({ gateway }: Opened, body: object | string, path = CHAT, headers: Record<string, string> = {}) {
  const answer = await gateway.app.request(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const heardBy = ({ mock }: Opened) => mock.posts().at(-1);

function events(text: string): unknown[] {
  const lines = text.split("\n").filter((line) => line.startsWith("data: ") && line !== "data: [DONE]");
  return lines.map((line) => JSON.parse(line.slice("data: ".length)));
}

/** One JSON answer to all. */
const whole =
  (answer: object): Behave =>
  (response, { method }) =>
    json(response, 200, method === "GET" ? { data: [] } : answer);

/** A stream of events with their types as names. */
const named =
  (all: readonly { readonly type: string }[]): Behave =>
  (response, { method }) => {
    if (method === "GET") return json(response, 200, { data: [] });
    begin(response);
    for (const each of all) response.write(`event: ${each.type}\ndata: ${JSON.stringify(each)}\n\n`);
    response.end();
  };

const COMPLETION = {
  ...{ id: "theirs", object: "chat.completion", created: 5, model: "theirs", provider: { name: "x" } },
  choices: [{ index: 0, message: { role: "assistant", content: "Hello", mood: "good" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9, cost: 0.5 },
};

describe("a chat completion for an upstream that speaks OpenAI's API", () => {
  it("reaches it as the client wrote it, with fields and numbers that Sluice doesn't know, but for the model's name", async () => {
    const opened = await open(whole(COMPLETION));
    const body = `{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}],
      "novel_field": {"depth": 1.0, "big": 123456789012345678}, "model": "ours", "top_k": 5, "response_format": {"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{"type":"object","propertyNames":{"pattern":"(?=x)"}}}}}`;
    const { status } = await ask(opened, body);
    expect(status).toBe(200);
    expect(heardBy(opened)?.text).toBe(body.replace('"ours"', '"theirs"'));
  });

  it("is answered with what it said, under the names that the client knows", async () => {
    const opened = await open(whole(COMPLETION));
    const { text, headers } = await ask(opened, QUESTION);
    expect(JSON.parse(text)).toEqual({ ...COMPLETION, id: expect.stringMatching(/^chatcmpl-/), model: "ours" });
    expect(headers.get("content-type")).toMatch("application/json");
    expect(headers.get("sluice-queue-ms")).toBe("0");
    expect(headers.get("cache-status")).toContain("fwd=bypass");
  });

  it("is counted by the usage in the answer", async () => {
    for (const stream of [false, true]) {
      const opened = await open(stream ? answerWith(["a", "b"]) : whole(COMPLETION));
      await ask(opened, { ...QUESTION, stream });
      await opened.gateway.settled();
      await new Promise((resolve) => setImmediate(resolve));
      const line = opened.lines.find((each) => "tokens" in each);
      expect(line).toMatchObject({ model: "ours", tokens: { prompt: 7, completion: 2 }, status: 200 });
    }
  });

  it("is streamed with usage, which the client hears of only if it has asked", async () => {
    const opened = await open(answerWith(["Hel", "lo"]));
    const plain = await ask(opened, { ...QUESTION, stream: true, stream_options: { include_obfuscation: false } });
    expect(heardBy(opened)?.body).toMatchObject({
      stream_options: { include_usage: true, include_obfuscation: false },
    });
    expect(plain.text).not.toContain("prompt_tokens");
    expect(plain.text.endsWith("data: [DONE]\n\n")).toBe(true);
    const asked = await ask(opened, { ...QUESTION, stream: true, stream_options: { include_usage: true } });
    expect(events(asked.text).at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 7 } });
  });

  it("is answered in the form that was asked for, if the server answers in another", async () => {
    const one = await ask(await open(whole(COMPLETION)), { ...QUESTION, stream: true });
    expect(
      events(one.text)
        .map((each) => Object(each).choices[0]?.delta.content)
        .join(""),
    ).toBe("Hello");
    expect(one.text.endsWith("data: [DONE]\n\n")).toBe(true);
    const other = await ask(await open(answerWith(["Hel", "lo"])), QUESTION);
    expect(JSON.parse(other.text)).toMatchObject({
      object: "chat.completion",
      choices: [{ message: { content: "Hello" } }],
    });
  });

  it("has several choices", async () => {
    const choices = [0, 1].map((index) => ({ ...COMPLETION.choices[0], index }));
    const { text } = await ask(await open(whole({ ...COMPLETION, choices })), { ...QUESTION, n: 2 });
    expect(JSON.parse(text).choices).toEqual(choices);
  });

  it("is cut to the limit of its model", async () => {
    const opened = await open(whole(COMPLETION), "", "maxTokensLimit: 5\n");
    await ask(opened, { ...QUESTION, max_completion_tokens: 50 });
    expect(heardBy(opened)?.body).toMatchObject({ max_completion_tokens: 5 });
    await ask(opened, QUESTION);
    expect(heardBy(opened)?.body).toMatchObject({ max_tokens: 5 });
  });

  it("is refused before anything is sent, if the server lacks what it needs", async () => {
    const opened = await open(whole(COMPLETION), "capabilities: { images: false, tools: false }");
    const image = { type: "image_url", image_url: { url: "https://example.com/a.png" } };
    const refused = await ask(opened, { ...QUESTION, messages: [{ role: "user", content: [image] }] });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain("image");
    const tools = [{ type: "function", function: { name: "f" } }];
    expect(JSON.parse((await ask(opened, { ...QUESTION, tools })).text)).toMatchObject({ error: { param: "tools" } });
    expect(opened.mock.posts()).toEqual([]);
  });

  it.each(["file:///etc/passwd", " file:///etc/passwd", "FTP://x/a.png", "javascript:alert(1)", "//x/a.png", "a.png"])(
    "is refused with the place of an address that no server is to open: %s",
    async (url) => {
      const opened = await open(whole(COMPLETION), "capabilities: { embeddings: true }");
      const nested = { type: "tool_result", content: [{ type: "image", source: { type: "url", url } }] };
      for (const [part, place] of [
        [{ type: "image_url", image_url: { url } }, "image_url.url"],
        [{ type: "image_url", image_url: url }, "image_url"],
        [{ type: "video_url", video_url: { url } }, "video_url.url"],
        [nested, "content[0].source.url"],
      ] as const) {
        const content = [{ type: "text", text: "What is it?" }, part];
        const { status, text } = await ask(opened, { ...QUESTION, messages: [{ role: "user", content }] });
        const { error } = JSON.parse(text);
        expect([status, error.param]).toEqual([400, `messages[0].content[1].${place}`]);
        expect(error.message).toContain("https://");
      }
      const input = [{ type: "image_url", image_url: { url } }];
      const vectors = await ask(opened, { model: "ours", input }, "/v1/embeddings");
      expect([vectors.status, JSON.parse(vectors.text).error.param]).toEqual([400, "input[0].image_url.url"]);
      expect(opened.mock.posts()).toEqual([]);
    },
  );

  it("may have images by an address on the web, and in the request itself", async () => {
    const opened = await open(whole(COMPLETION));
    const urls = ["https://example.com/a.png", "HTTP://example.com/a.png", "data:image/png;base64,iVBORw0KGgo="];
    const content = urls.map((url) => ({ type: "image_url", image_url: { url } }));
    expect((await ask(opened, { ...QUESTION, messages: [{ role: "user", content }] })).status).toBe(200);
    expect(heardBy(opened)?.body).toMatchObject({ messages: [{ content }] });
  });

  it("stays here if it must", async () => {
    const opened = await open(whole(COMPLETION));
    const { status, text } = await ask(opened, QUESTION, CHAT, { "sluice-local-only": "1" });
    expect([status, JSON.parse(text).error.code]).toEqual([403, "local_only"]);
    expect(opened.mock.posts()).toEqual([]);
  });

  it("is written anew where the answers are cached, or stored", async () => {
    const cached = await open(answerWith(["Hello"]), "cache: true");
    await ask(cached, { ...QUESTION, temperature: 0 });
    expect((await ask(cached, { ...QUESTION, temperature: 0 })).headers.get("cache-status")).toContain("hit");
    const stored = await open(answerWith(["Hello"]));
    const { id } = JSON.parse((await ask(stored, { ...QUESTION, store: true })).text);
    const kept = await stored.gateway.app.request(`${CHAT}/${id}`);
    expect(await kept.json()).toMatchObject({ id, choices: [{ message: { content: "Hello" } }] });
  });

  it("is asked again if the stream breaks before it has said anything", async () => {
    let tries = 0;
    const opened = await open((response, { method }) => {
      if (method === "GET") return json(response, 200, { data: [] });
      tries += 1;
      if (tries > 1) return answerWith(["Hello"])(response, { method });
      begin(response);
      send(response, chunk({ delta: { role: "assistant", content: "" } }));
      response.socket?.end();
    });
    const { text } = await ask(opened, { ...QUESTION, stream: true });
    expect(text).toContain("Hello");
    expect(text).not.toContain('"role"');
  });

  it("ends with an error if the stream breaks off, fails or has no end", async () => {
    const breaks: readonly unknown[] = [
      "break",
      { error: { message: "out of memory at 10.0.0.7:80", code: 500 } },
      "{no json}",
    ];
    for (const last of breaks) {
      const opened = await open((response, { method }) => {
        if (method === "GET") return json(response, 200, { data: [] });
        begin(response);
        send(response, chunk({ delta: { content: "Hel" } }));
        if (last === "break") response.socket?.end();
        else {
          send(response, last);
          response.end();
        }
      });
      const { text } = await ask(opened, { ...QUESTION, stream: true });
      expect(text).toContain("Hel");
      expect(events(text).at(-1)).toMatchObject({ error: { message: expect.any(String) } });
      expect(text).not.toContain("10.0.0.7");
      expect(text).not.toContain("[DONE]");
    }
  });

  it("is counted by an estimate if the client leaves", async () => {
    for (const more of ["", "cache: true"]) {
      const opened = await open((response, { method }) => {
        if (method === "GET") return json(response, 200, { data: [] });
        begin(response);
        for (let count = 0; count < 10; count++) send(response, chunk({ delta: { content: "word" } }));
      }, more);
      const leaving = new AbortController();
      const answer = await opened.gateway.app.request(CHAT, {
        ...{ method: "POST", headers: { "content-type": "application/json" }, signal: leaving.signal },
        body: JSON.stringify({
          ...QUESTION,
          stream: true,
          temperature: 1,
          messages: [{ role: "user", content: "x".repeat(400) }],
        }),
      });
      const reader = answer.body?.getReader();
      for (let heard = ""; heard.split("word").length <= 10; )
        heard += new TextDecoder().decode((await reader?.read())?.value);
      await reader?.cancel();
      await heardBy(opened)?.left;
      await expect
        .poll(() => opened.lines.find((each) => "tokens" in each))
        .toMatchObject({
          ...{ clientGone: true, tokens: { prompt: 100, completion: 10 } },
        });
    }
  });

  it("passes through a route of such servers", async () => {
    const opened = await open(whole(COMPLETION), "", "routes:\n  chat: [ours]\n");
    const { text, headers } = await ask(opened, { ...QUESTION, model: "chat", novel: 1 });
    expect(JSON.parse(text)).toMatchObject({ model: "ours", provider: { name: "x" } });
    expect(heardBy(opened)?.body).toMatchObject({ model: "theirs", novel: 1 });
    expect(headers.get("sluice-route")).toMatch(/^"ours"/);
  });

  it.each([
    ["no messages", { messages: undefined }, "messages"],
    ["messages that are no list", { messages: "Hi" }, "messages"],
    ["a length of 0.5", { max_tokens: 0.5 }, "max_tokens"],
    ["too many choices", { n: 1000 }, "n"],
    ["a stream of a text", { stream: "yes" }, "stream"],
  ])("is refused here for %s", async (_, wrong, param) => {
    const opened = await open(whole(COMPLETION));
    const { status, text } = await ask(opened, { ...QUESTION, ...wrong });
    expect([status, JSON.parse(text).error.param]).toEqual([400, param]);
    expect(opened.mock.posts()).toEqual([]);
  });
});

describe("a completion", () => {
  it("is passed on, also for several prompts", async () => {
    const choices = [0, 1].map((index) => ({ index, text: `${index}`, finish_reason: "stop", logprobs: null }));
    const opened = await open(
      whole({ id: "theirs", object: "text_completion", model: "theirs", choices, usage: COMPLETION.usage }),
    );
    const { text } = await ask(opened, { model: "ours", prompt: ["a", "b"], novel: true }, "/v1/completions");
    expect(JSON.parse(text)).toMatchObject({ id: expect.stringMatching(/^cmpl-/), model: "ours", choices });
    expect(heardBy(opened)).toMatchObject({ path: "/v1/completions", body: { prompt: ["a", "b"], novel: true } });
  });
});

describe("a request for embeddings", () => {
  const VECTORS = {
    ...{ object: "list", data: [{ object: "embedding", index: 0, embedding: "AACAPw==", kind: "x" }] },
    ...{ model: "theirs", usage: { prompt_tokens: 3, total_tokens: 3 } },
  };

  it("is passed on with all its fields, and so is the answer", async () => {
    const opened = await open(whole(VECTORS));
    const body = { model: "ours", input: ["Hi"], encoding_format: "base64", dimensions: 1, input_type: "query" };
    const { text, status } = await ask(opened, body, "/v1/embeddings");
    expect([status, JSON.parse(text)]).toEqual([200, { ...VECTORS, model: "ours" }]);
    expect(heardBy(opened)?.body).toEqual({ ...body, model: "theirs" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(opened.lines.find((each) => "tokens" in each)).toMatchObject({ tokens: { prompt: 3 } });
  });

  it("fails if the answer has no vectors, and is refused here without an input", async () => {
    const opened = await open(whole({ object: "list" }));
    expect((await ask(opened, { model: "ours", input: "Hi" }, "/v1/embeddings")).status).toBe(502);
    expect((await ask(opened, { model: "ours" }, "/v1/embeddings")).status).toBe(400);
  });
});

describe("a message for an upstream that speaks Anthropic's API", () => {
  const SIGNED = [
    { type: "thinking", thinking: "Hm.", signature: "c2lnbmVk" },
    { type: "text", text: "Hello", citations: null },
  ];
  const MESSAGE = {
    ...{ id: "theirs", type: "message", role: "assistant", model: "theirs", content: SIGNED, stop_reason: "end_turn" },
    usage: { input_tokens: 3, cache_read_input_tokens: 4, output_tokens: 2 },
  };
  const turn = { ...QUESTION, max_tokens: 50, cache_control: { type: "ephemeral" } };
  const KIND = "kind: anthropic";

  it("reaches it as it is, with the version and the features that the client names, and keeps signed thinking", async () => {
    const opened = await open(whole(MESSAGE), KIND);
    const body = {
      ...turn,
      messages: [...QUESTION.messages, { role: "assistant", content: SIGNED }, QUESTION.messages[0]],
    };
    const { text } = await ask(opened, body, "/v1/messages", { "anthropic-beta": "context-1m-2025-08-07" });
    expect(JSON.parse(text)).toEqual({ ...MESSAGE, id: expect.stringMatching(/^msg_/), model: "ours" });
    expect(heardBy(opened)?.body).toEqual({ ...body, model: "theirs" });
    expect(heardBy(opened)?.headers).toMatchObject({
      "anthropic-beta": "context-1m-2025-08-07",
      "anthropic-version": "2023-06-01",
    });
  });

  it("is streamed event by event", async () => {
    const all = [
      { type: "message_start", message: { ...MESSAGE, content: [] } },
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "Hm." } },
      { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "c2lnbmVk" } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } },
      { type: "message_stop" },
    ];
    const opened = await open(named(all), KIND);
    const { text } = await ask(opened, { ...turn, stream: true }, "/v1/messages");
    const [first, ...rest] = events(text);
    expect(rest).toEqual(all.slice(1));
    expect(first).toMatchObject({ message: { id: expect.stringMatching(/^msg_/), model: "ours" } });
    expect(text).toContain("event: message_start\n");
  });

  it("tells of a failure in the middle in Anthropic's form", async () => {
    const all = [
      { type: "message_start", message: { ...MESSAGE, content: [] } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hel" } },
      { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
    ];
    const opened = await open(named(all), KIND);
    const { text } = await ask(opened, { ...turn, stream: true }, "/v1/messages");
    expect(text).toContain("event: error\n");
    expect(events(text).at(-1)).toMatchObject({ type: "error", error: { message: "Overloaded" } });
  });
});

describe("a request that is translated for an upstream", () => {
  const schema = { type: "object", propertyNames: { pattern: "(?<=a)b" }, not: { required: ["b"] } };
  const strict = { type: "json_schema", name: "a", strict: true, schema };

  it("may have a schema that only the upstream can enforce", async () => {
    const opened = await open(answerWith(["{}"]));
    const body = { model: "ours", input: "Hi", store: false, text: { format: strict } };
    expect((await ask(opened, body, "/v1/responses")).status).toBe(200);
    expect(heardBy(opened)?.body).toMatchObject({ response_format: { json_schema: { schema, strict: true } } });
  });

  it("is told of a longer context, and not of Sluice's own settings, if it is too long", async () => {
    const opened = await open(answerWith(["Hi"]), "contextTokens: 16");
    const messages = [{ role: "user", content: "word ".repeat(20_000) }];
    const content = messages[0]?.content;
    for (const [path, asked] of [
      [CHAT, { messages }],
      ["/v1/messages", { messages }],
      ["/v1/completions", { prompt: content }],
    ] as const) {
      const { status, text } = await ask(opened, { model: "ours", max_tokens: 5, ...asked }, path);
      expect(status).toBe(400);
      expect(text).toContain("a longer context");
      expect(text).not.toContain("--context");
    }
  });
});
