import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { error } from "../../src/protocols/openai-responses.ts";
import { CHAT, chatInit, createTestApp, loopTurn } from "./support.ts";

describe("every answer", () => {
  it.each([
    ["/health", {}],
    ["/ready", {}],
    ["/v1/models", {}],
    ["/v1/models/none", {}],
    ["/nowhere", {}],
    ["/v1/nowhere", {}],
    ["/v1/models", { method: "DELETE" }],
    [CHAT, chatInit({})],
    [CHAT, chatInit({ stream: true })],
    [CHAT, chatInit("{")],
  ])("has OpenAI's headers: %s %j", async (path, init) => {
    const { app } = createTestApp();
    const response = await app.request(path, init);
    expect(response.headers.get("x-request-id")).toMatch(/^req_[0-9a-f]{32}$/);
    expect(response.headers.get("openai-version")).toBe("2020-10-01");
    expect(response.headers.get("openai-processing-ms")).toMatch(/^\d+$/);
  });

  it("has its own request id, not the client's", async () => {
    const { app } = createTestApp();
    const init = { headers: { "x-request-id": "mine" } };
    const [one, two] = [await app.request("/health", init), await app.request("/health", init)];
    expect(one.headers.get("x-request-id")).toMatch(/^req_/);
    expect(one.headers.get("x-request-id")).not.toBe(two.headers.get("x-request-id"));
  });
});

describe("an unknown URL", () => {
  it.each(["/nowhere", "/v1", "/v1/nowhere", "/v1/assistants/", "//nowhere"])(
    "is a 404 that lists the known URLs: %s",
    async (path) => {
      const { app } = createTestApp();
      const response = await app.request(`http://localhost${path}`);
      expect(response.status).toBe(404);
      const body = error.parse(await response.json());
      expect(body.error).toMatchObject({ type: "invalid_request_error", param: null, code: "unknown_url" });
      expect(body.error.message).toContain(`GET ${path}. `);
      expect(body.error.message).toContain("POST /v1/chat/completions");
    },
  );
});

describe("a wrong method", () => {
  it.each([
    ["GET", "/v1/responses", "POST"],
    ["DELETE", "/v1/models", "GET, HEAD"],
    ["POST", "/v1/models/some-model", "GET, HEAD"],
    ["PUT", "/health", "GET, HEAD"],
  ])("is a 405 that names the right ones: %s %s", async (method, path, allowed) => {
    const { app } = createTestApp();
    const response = await app.request(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allowed);
    expect(error.parse(await response.json()).error).toMatchObject({ code: "method_not_supported" });
  });
});

describe("the app, mounted in another", () => {
  function mount(path: string) {
    const { app, log } = createTestApp({ settings: { corsOrigins: ["*"] } });
    const host = new Hono();
    host.route(path, app);
    host.get("/page", (c) => c.text("the host's page"));
    return { host, log };
  }

  it("answers as when it is not mounted", async () => {
    const { host } = mount("/");
    const chat = await host.request(CHAT, chatInit({}));
    expect(chat.status).toBe(200);
    expect(chat.headers.get("x-request-id")).toMatch(/^req_/);

    const wrong = await host.request(CHAT, chatInit({ temperature: 3 }));
    expect(wrong.status).toBe(400);
    expect(error.parse(await wrong.json()).error.param).toBe("temperature");
    const bare = await host.request("/v1/responses");
    expect(bare.status).toBe(405);
    expect(await bare.text()).toContain("GET /v1/responses/{id} to read a stored one");
    expect(error.parse(await (await host.request("/v1/nowhere")).json()).error.code).toBe("unknown_url");
  });

  it("answers below a path of the host's choice", async () => {
    const { host } = mount("/llm");
    expect((await host.request("/llm/v1/models")).status).toBe(200);
    expect((await host.request(`/llm${CHAT}`, chatInit({}))).status).toBe(200);
    expect((await host.request("/llm/v1/responses")).headers.get("allow")).toBe("POST");
  });

  it("leaves the host's own pages alone", async () => {
    const { host, log } = mount("/");
    const response = await host.request("/page");
    expect(await response.text()).toBe("the host's page");
    expect(response.headers.get("x-request-id")).toBeNull();
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    await loopTurn();
    expect(log).toEqual([]);
  });
});
