import { describe, expect, it } from "vitest";
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

describe("a request's body", () => {
  it.each([
    ['{"model": "a",, }', "not valid JSON at position 14 (line 1 column 15)"],
    ['{"model":\n"a"', "not valid JSON at position 13 (line 2 column 4)"],
    ["hello", "not valid JSON"],
    ["", "empty"],
    ["  \n", "empty"],
    [new Uint8Array([0x7b, 0x22, 0xff, 0x22]), "not valid UTF-8"],
  ])("must be JSON, and the answer says where it isn't: %j", async (text, reason) => {
    const { status, body } = await post(text);
    expect(status).toBe(400);
    const { message, ...rest } = error.parse(body).error;
    expect(message).toBe(`We could not parse the JSON body of your request: it is ${reason}.`);
    expect(rest).toEqual({ type: "invalid_request_error", param: null, code: null });
  });

  it("may begin with a byte order mark", async () => {
    expect((await post(`\ufeff${BODY}`)).status).toBe(200);
  });

  it.each(["application/json; charset=utf-8", "Application/JSON"])("may have the content type %s", async (type) => {
    expect((await post(BODY, { "content-type": type })).status).toBe(200);
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json-seq", ""])(
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
