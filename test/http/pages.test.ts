import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { routes as operations } from "../../src/http/routes.ts";
import { error } from "../../src/protocols/openai-responses.ts";
import { createTestAccess } from "../keys/support.ts";
import { CHAT, chatInit, createTestApp, listen, MODEL_ID } from "./support.ts";

const hosts = { bound: "127.0.0.1", allowed: ["llm.example"] };
const named = ({ path }: Pick<(typeof operations)[number], "path">) => path.replaceAll(/\{\w+\}/g, "x");
const posts = operations.filter(({ method }) => method === "post").map(named);
/** Programs send files to these. */
const forms = operations.filter(({ request: body }) => body?.isForm === true).map(named);
const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1", localAddress: "127.0.0.1" } } };
const EVIL = "https://evil.example";
const STRANGERS = [
  { origin: EVIL },
  { origin: "null" },
  { origin: "http://localhost:3000" },
  { "sec-fetch-site": "cross-site" },
  { "sec-fetch-site": "same-site" },
  { origin: EVIL, "sec-fetch-site": "cross-site" },
  // An old browser.
  { "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101 Firefox/60.0" },
];
const FORM = "application/x-www-form-urlencoded";
const bodiless = operations.filter(({ method, request }) => method === "post" && request === undefined);

describe("without keys, a request by a strange name", () => {
  it.each([
    "/health",
    "/v1/models",
    "/admin/usage",
    "/admin/cache",
    "/admin/keys",
    "/v1/conversations/conv_1",
    "/",
    "/api/tags",
    "/no",
  ])("is refused at %s, with the way out", async (path) => {
    const { app } = createTestApp({ settings: { hosts } });
    const response = await app.request(path, { headers: { host: "evil.example:8080" } }, FROM_HERE);
    expect(response.status).toBe(403);
    expect(response.headers.get("x-request-id")).toMatch(/^req_/);
    const body = z.looseObject({ error: z.unknown() }).parse(await response.json());
    expect(JSON.stringify(body)).toContain("--allowed-hosts");
  });

  it.each(["127.0.0.1:1", "localhost", "[::1]:8080", "llm.example"])(
    "is answered when the name is ours: %s",
    async (host) => {
      const { app } = createTestApp({ settings: { hosts } });
      const init = chatInit({});
      const response = await app.request(CHAT, { ...init, headers: { ...init.headers, host } }, FROM_HERE);
      expect(response.status).toBe(200);
    },
  );

  it("is refused, too, when the foreign name is in the request's target", async () => {
    const { app } = createTestApp({ settings: { hosts } });
    await using server = await listen(app);
    expect(await sendRaw(server.port, "GET http://evil.example/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n")).toMatch(
      /^HTTP\/1.1 403 /,
    );
  });

  it("is answered when keys are required", async () => {
    const { access, secret } = await createTestAccess();
    const { app } = createTestApp({ settings: { hosts }, access });
    const headers = { host: "evil.example", authorization: `Bearer ${secret}` };
    expect((await app.request("/v1/models", { headers })).status).toBe(200);
  });
});

describe("two Host headers", () => {
  it("are refused, whichever comes first", async () => {
    const { app } = createTestApp();
    await using server = await listen(app);
    for (const [one, two] of [
      ["127.0.0.1", "evil.example"],
      ["evil.example", "127.0.0.1"],
      ["127.0.0.1", "127.0.0.1"],
    ]) {
      const answer = await sendRaw(server.port, `GET /v1/models HTTP/1.1\r\nHost: ${one}\r\nhOST: ${two}\r\n`);
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
      expect(answer).toContain("invalid_host");
    }
  });
});

describe("a POST that a page can send without asking", () => {
  it.each(posts)("changes nothing at %s", async (path) => {
    const { app } = createTestApp({ settings: { mcp: true } });
    for (const headers of STRANGERS) {
      const form = { ...headers, "content-type": FORM };
      expect((await app.request(path, { method: "POST", headers }, FROM_HERE)).status).toBe(415);
      expect((await app.request(path, { method: "POST", headers: form, body: "{}" }, FROM_HERE)).status).toBe(415);
    }
    const multipart = { "content-type": "multipart/form-data; boundary=x" };
    const isForm = forms.includes(path);
    for (const headers of [
      { "content-type": "text/plain" },
      ...(isForm ? STRANGERS : [{}]).map((own) => ({ ...own, ...multipart })),
    ]) {
      expect((await app.request(path, { method: "POST", headers, body: "{}" }, FROM_HERE)).status).toBe(415);
    }
  });

  it("needs JSON or no content type when it has no body, even from programs", async () => {
    expect(bodiless.map(({ path }) => path).toSorted()).toEqual([
      "/admin/cache/warm",
      "/admin/reload",
      "/v1/batches/{id}/cancel",
      "/v1/messages/batches/{id}/cancel",
      "/v1/responses/{id}/cancel",
      "/v1/uploads/{id}/cancel",
    ]);
    const { app } = createTestApp();
    for (const { path } of bodiless) {
      const init = { method: "POST", headers: { "content-type": FORM } };
      expect((await app.request(path.replace("{id}", "x"), init, FROM_HERE)).status).toBe(415);
    }
  });

  it.each([
    ["a program", {}],
    ["a program that names a form's type, as curl does", { "content-type": FORM }],
    ["our own page", { origin: "http://localhost", "sec-fetch-site": "same-origin" }],
    ["a page that is let in", { origin: "https://chat.example", "sec-fetch-site": "cross-site" }],
  ])("is accepted from %s, even without a content type", async (_, headers) => {
    const { app } = createTestApp({ settings: { corsOrigins: ["https://chat.example"] } });
    const body = new TextEncoder().encode(chatInit({}).body);
    expect((await app.request(CHAT, { method: "POST", headers, body })).status).toBe(200);
    const bare = Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "content-type"));
    expect((await app.request("/admin/cache/warm", { method: "POST", headers: bare }, FROM_HERE)).status).toBe(202);
  });

  it("is taken without a content type over a real connection", async () => {
    const { app } = createTestApp();
    await using server = await listen(app);
    const client = request({ host: "127.0.0.1", port: server.port, path: CHAT, method: "POST", agent: false });
    client.end(chatInit({}).body);
    const [response] = await once(client, "response");
    expect(response.statusCode).toBe(200);
    response.resume();
    await once(response, "end");
  });
});

describe("names and places of other servers", () => {
  it.each(["/chat/completions", "/v1/v1/chat/completions", "/v1/chat/completions/", "//v1//chat//completions"])(
    "%s is where chat completions are",
    async (path) => {
      const { app } = createTestApp();
      const response = await app.request(`http://localhost${path}`, chatInit({}));
      expect(await response.json()).toMatchObject({ model: MODEL_ID });
    },
  );

  it.each(["/ping", "/v1/health", "/health/"])("%s shows that the process is alive", async (path) => {
    const { app } = createTestApp();
    expect(await (await app.request(path)).json()).toEqual({ status: "ok" });
  });

  it("every GET route answers HEAD, too", async () => {
    const { app } = createTestApp();
    for (const path of ["/", "/health", "/ready", "/v1/models", `/v1/models/${MODEL_ID}`, "/docs", "/openapi.json"]) {
      const [head, get] = [await app.request(path, { method: "HEAD" }), await app.request(path)];
      expect([head.status, await head.text()]).toEqual([200, ""]);
      expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    }
  });

  it("the root describes the gateway", async () => {
    const { app } = createTestApp();
    expect(await (await app.request("/")).json()).toMatchObject({ status: "ok", api: "/v1", docs: "/docs" });
    expect((await app.request("/", { method: "POST" })).status).toBe(404);
  });

  it("an Ollama client gets an unknown URL's error in its own form", async () => {
    const { app } = createTestApp();
    for (const path of ["/api/create", "/api/copy", "/api/push", "/api", "/api/me", "/v1/api/blobs/sha256:0"]) {
      const response = await app.request(path, { method: "POST", body: "{}" });
      expect(response.status).toBe(404);
      const { error: text } = z.strictObject({ error: z.string() }).parse(await response.json());
      expect(text).toContain("Ollama");
    }
    const wrong = await app.request("/api/chat");
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "POST"]);
    expect(z.strictObject({ error: z.string() }).safeParse(await wrong.json()).success).toBe(true);
  });

  it("no spelling of a path circumvents the key that another spelling requires", async () => {
    const { access } = await createTestAccess();
    const { app } = createTestApp({ access });
    for (const path of [
      "/models",
      "/v1/models/",
      "//admin/usage",
      "/v1/admin/usage",
      "/v1/v1/models",
      "/%76%31/models",
    ]) {
      const response = await app.request(`http://localhost${path}`);
      expect(response.status).toBe(401);
      expect(error.parse(await response.json()).error.code).toBe("invalid_api_key");
    }
  });
});

/** What comes back for a head that no client would send. */
async function sendRaw(port: number, head: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.write(`${head}Connection: close\r\n\r\n`);
  let answer = "";
  for await (const chunk of socket.setEncoding("utf8")) answer += chunk;
  return answer;
}
