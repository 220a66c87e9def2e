import { describe, expect, it } from "vitest";
import { z } from "zod";
import { error } from "../../src/protocols/openai-responses.ts";
import { CHAT, chatInit, createTestApp, MODEL_ID } from "./support.ts";

const BODY = JSON.stringify({ model: MODEL_ID, messages: [{ role: "user", content: "Hi" }] });

async function post(body: string | Uint8Array<ArrayBuffer>, headers: Readonly<Record<string, string>> = {}) {
  const { app } = createTestApp({ settings: { maxBodyBytes: 1_024 } });
  const response = await app.request(CHAT, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  return { status: response.status, body: await response.json() };
}

/** As deep as `depth`, in arrays and objects by turns. */
const nest = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${"}]".repeat(depth / 2)}`;
const DEEP = nest(5_000);
const DEEP_TEXT = JSON.stringify(DEEP);
const CALL = (json: string) =>
  `{"model":"${MODEL_ID}","messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,` +
  `"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":${json}}}]},` +
  '{"role":"tool","tool_call_id":"a","content":"b"}]}';
const OLD_CALL = (json: string) =>
  `{"model":"${MODEL_ID}","messages":[{"role":"user","content":"a"},` +
  `{"role":"assistant","content":null,"function_call":{"name":"f","arguments":${json}}}]}`;
const ITEMS = (json: string) =>
  `[{"type":"function_call","call_id":"a","name":"f","arguments":${json}},` +
  '{"type":"function_call_output","call_id":"a","output":"b"}]';

/** Bodies that are nested too deeply somewhere, and the field that they are told. */
const TOO_DEEP: readonly (readonly [path: string, field: string, body: string])[] = [
  [CHAT, "chat_template_kwargs.a", `${BODY.slice(0, -1)},"chat_template_kwargs":{"a":${DEEP}}}`],
  [CHAT, "chat_template_kwargs.a", `${BODY.slice(0, -1)},"chat_template_kwargs":{"a":${"[".repeat(4_500)}`],
  ["/apply-template", "chat_template_kwargs.a", `${BODY.slice(0, -1)},"chat_template_kwargs":{"a":${DEEP}}}`],
  [
    CHAT,
    "tools[0].function.parameters.a",
    `${BODY.slice(0, -1)},"tools":[{"type":"function","function":{"name":"f","parameters":{"a":${DEEP}}}}]}`,
  ],
  [CHAT, "functions[0].parameters.a", `${BODY.slice(0, -1)},"functions":[{"name":"f","parameters":{"a":${DEEP}}}]}`],
  [
    CHAT,
    "response_format.json_schema.schema.a",
    `${BODY.slice(0, -1)},"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"a":${DEEP}}}}}`,
  ],
  [CHAT, "unheard_of", `${BODY.slice(0, -1)},"unheard_of":${DEEP}}`],
  [CHAT, "messages[1].tool_calls[0].function.arguments", CALL(DEEP_TEXT)],
  [CHAT, "messages[1].function_call.arguments", OLD_CALL(DEEP_TEXT)],
  ["/v1/messages", "tools[0].input_schema.a", `{"tools":[{"name":"f","input_schema":{"a":${DEEP}}}]}`],
  ["/v1/messages/count_tokens", "tools[0].input_schema.a", `{"tools":[{"name":"f","input_schema":{"a":${DEEP}}}]}`],
  [
    "/v1/messages",
    "messages[0].content[0].input.a",
    `{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"a":${DEEP}}}]}]}`,
  ],
  ["/v1/messages", "output_config.format.schema.a", `{"output_config":{"format":{"schema":{"a":${DEEP}}}}}`],
  ["/v1/responses", "text.format.schema.a", `{"text":{"format":{"schema":{"a":${DEEP}}}}}`],
  ["/v1/responses", "tools[0].parameters.a", `{"tools":[{"parameters":{"a":${DEEP}}}]}`],
  ["/v1/responses", "input[0].arguments", `{"model":"${MODEL_ID}","input":${ITEMS(DEEP_TEXT)}}`],
  ["/v1/conversations", "items[0].arguments", `{"items":${ITEMS(DEEP_TEXT)}}`],
  ["/v1/conversations", "metadata", `{"metadata":${DEEP}}`],
  ["/v1/completions", "prompt", `{"prompt":${DEEP}}`],
  ["/v1/embeddings", "input", `{"input":${DEEP}}`],
  ["/v1/rerank", "documents", `{"documents":${DEEP}}`],
  ["/tokenize", "content", `{"content":${DEEP}}`],
];

describe("a request's body", () => {
  it.each([
    ['{"model": "a",, }', "not valid JSON at position 14 (line 1 column 15)"],
    ['{"model":\n"a"', "not valid JSON at position 13 (line 2 column 4)"],
    ["hello", "not valid JSON"],
    ["", "empty"],
    ["  \n", "empty"],
    [new Uint8Array([0x7b, 0x22, 0xff, 0x22]), "not valid UTF-8"],
  ])("must be JSON, and the error has the position of the mistake: %j", async (text, reason) => {
    const { status, body } = await post(text);
    expect(status).toBe(400);
    const { message, ...rest } = error.parse(body).error;
    expect(message).toBe(`We could not parse the JSON body of your request: it is ${reason}.`);
    expect(rest).toEqual({ type: "invalid_request_error", param: null, code: null });
  });

  it.each(TOO_DEEP)("is refused by %s when %s is nested too deeply", async (path, field, body) => {
    const { app } = createTestApp();
    const response = await app.request(path, { ...chatInit({}), body });
    const { error: told } = z
      .object({ error: z.object({ message: z.string(), param: z.string().optional() }) })
      .parse(await response.json());
    expect({ status: response.status, message: told.message }).toEqual({
      status: 400,
      message: expect.stringContaining(`'${field}`),
    });
    expect(told.message).toContain("nested too deeply");
  });

  it.each([
    ["properties", `{"metadata":{${Array.from({ length: 60_000 }, (_, index) => `"${index}":1`).join()}}}`, "metadata"],
    ["properties", `{"a":{"b":{${Array.from({ length: 11_000 }, (_, index) => `"${index}":1`).join()}}}}`, "a.b"],
    ["elements", `{"stop":[${"{},".repeat(110_000)}{}]}`, "stop"],
    ["numbers", `{"tools":[${"1,".repeat(2_100_000)}1]}`, "tools"],
    ["number", `{"seed":${"1".repeat(2_000)}}`, "seed"],
    ["numbers", `{"tools":[{"a":[${"1.0,".repeat(11_000)}1]}]}`, "tools[0].a"],
  ])("is refused when it has too many %s", async (what, body, field) => {
    const { app } = createTestApp({ settings: { maxBodyBytes: 16 * 1024 * 1024 } });
    const response = await app.request(CHAT, { ...chatInit({}), body });
    const { message, param } = error.parse(await response.json()).error;
    expect(response.status).toBe(400);
    expect(message).toContain(what);
    expect(param).toContain(field);
  });

  it.each([
    ["nested too deeply", "[".repeat(3 * 1024 * 1024)],
    [
      "properties",
      `{"metadata":{"":"${"x".repeat(3 * 1024 * 1024)}",${Array.from({ length: 60_000 }, (_, index) => `"${index}":1`).join()}}}`,
    ],
  ])("of megabytes is refused when it is %s at its beginning or at its end", async (what, body) => {
    const { app } = createTestApp({ settings: { maxBodyBytes: 16 * 1024 * 1024 } });
    const response = await app.request(CHAT, { ...chatInit({}), body });
    expect(response.status).toBe(400);
    expect(error.parse(await response.json()).error.message).toContain(what);
  });

  it.each([0, 1, 2, 3])(
    "of megabytes is taken, whichever byte of a character the first of them ends with",
    async (shift) => {
      const { app } = createTestApp({ settings: { maxBodyBytes: 16 * 1024 * 1024 } });
      const content = "x".repeat(shift) + "😀".repeat(768 * 1024);
      const response = await app.request(CHAT, chatInit({ messages: [{ role: "user", content }] }));
      expect(response.status).toBe(200);
    },
  );

  it("may begin with a byte order mark", async () => {
    expect((await post(`\ufeff${BODY}`)).status).toBe(200);
  });

  it.each(["application/json; charset=utf-8", "Application/JSON"])("may have the content type %s", async (type) => {
    expect((await post(BODY, { "content-type": type })).status).toBe(200);
  });

  it.each(["text/plain", "multipart/form-data", "application/json-seq"])(
    "may not have the content type '%s'",
    async (type) => {
      const { status, body } = await post(BODY, { "content-type": type });
      expect(status).toBe(415);
      expect(error.parse(body).error.code).toBe("unsupported_content_type");
    },
  );

  it("may not be compressed", async () => {
    const { status, body } = await post(BODY, { "content-encoding": "gzip" });
    expect(status).toBe(415);
    expect(error.parse(body).error.code).toBe("unsupported_content_encoding");
  });

  it("may be as large as the limit and no larger", async () => {
    expect((await post(BODY.padEnd(1_024))).status).toBe(200);
    const { status, body } = await post(BODY.padEnd(1_025));
    expect(status).toBe(413);
    expect(error.parse(body).error).toMatchObject({
      code: "request_too_large",
      message: expect.stringContaining("1024"),
    });
  });

  it("is not read at all when it announces more than the limit", async () => {
    let pulled = false;
    const body = new ReadableStream(
      {
        pull(controller) {
          pulled = true;
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const { app } = createTestApp({ settings: { maxBodyBytes: 1_024 } });
    const response = await app.request(CHAT, {
      ...chatInit({}),
      headers: { "content-type": "application/json", "content-length": "1025" },
      body,
      duplex: "half",
    });
    expect(response.status).toBe(413);
    expect(pulled).toBe(false);
  });

  it.each<[string, Record<string, string>]>([
    ["announces no length", {}],
    [
      "announces a length that doesn't hold, because it comes in chunks",
      { "content-length": "1", "transfer-encoding": "chunked" },
    ],
  ])("that %s is read only as far as the limit", async (_, headers) => {
    let sentBytes = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          sentBytes += 512;
          if (sentBytes > 65_536) {
            controller.close();
            return;
          }
          controller.enqueue(new Uint8Array(512).fill(0x20));
        },
      },
      { highWaterMark: 0 },
    );
    const { app } = createTestApp({ settings: { maxBodyBytes: 1_024 } });
    const init = { ...chatInit({}), body, duplex: "half" as const };
    const response = await app.request(CHAT, { ...init, headers: { ...init.headers, ...headers } });
    expect(response.status).toBe(413);
    expect(sentBytes).toBeLessThanOrEqual(2_048);
  });
});
