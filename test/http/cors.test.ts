import { describe, expect, it } from "vitest";
import { CHAT, chatInit, createTestApp } from "./support.ts";

const PREFLIGHT = {
  method: "OPTIONS",
  headers: {
    origin: "https://chat.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-os",
  },
};

function createApp(...corsOrigins: readonly string[]) {
  return createTestApp({ settings: { corsOrigins } }).app;
}

describe("CORS", () => {
  it("is off without origins: no header, and no answer to a preflight", async () => {
    const app = createApp();
    const preflight = await app.request(CHAT, PREFLIGHT);
    expect(preflight.status).toBe(405);
    const answer = await app.request("/v1/models", { headers: { origin: "https://chat.example" } });
    for (const { headers } of [preflight, answer]) {
      expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
  });

  it("lets a page of a named origin send what the official client sends", async () => {
    const preflight = await createApp("https://chat.example/").request(CHAT, PREFLIGHT);
    expect(preflight.status).toBe(204);
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      "access-control-allow-origin": "https://chat.example",
      "access-control-allow-methods": expect.stringContaining("POST"),
      "access-control-allow-headers": "authorization,content-type,x-stainless-os",
      "access-control-max-age": "600",
      vary: expect.stringContaining("Origin"),
    });
  });

  it.each([
    ["an answer", chatInit({})],
    ["an error", chatInit({ temperature: 3 })],
    ["a stream", chatInit({ stream: true })],
  ])("lets such a page read %s and its request id", async (_, init) => {
    const headers = { ...init.headers, origin: "https://chat.example" };
    const response = await createApp("https://chat.example").request(CHAT, { ...init, headers });
    expect(response.headers.get("access-control-allow-origin")).toBe("https://chat.example");
    expect(response.headers.get("access-control-expose-headers")?.split(",")).toEqual(
      expect.arrayContaining([
        ..."x-request-id openai-processing-ms retry-after retry-after-ms x-should-retry".split(" "),
        ..."sluice-queue-ms sluice-queue-position".split(" "),
      ]),
    );
    expect(response.headers.get("x-request-id")).toMatch(/^req_/);
  });

  it.each(["https://chat.example", "chrome-extension://abcdef"])(
    "lets %s send credentials, and reach a private network",
    async (origin) => {
      const app = createApp(origin);
      const ask = { ...PREFLIGHT.headers, origin, "access-control-request-private-network": "true" };
      const preflight = await app.request(CHAT, { ...PREFLIGHT, headers: ask });
      expect(preflight.headers.get("access-control-allow-private-network")).toBe("true");
      const init = chatInit({});
      const answer = await app.request(CHAT, { ...init, headers: { ...init.headers, origin } });
      for (const { headers } of [preflight, answer]) {
        expect(headers.get("access-control-allow-origin")).toBe(origin);
        expect(headers.get("access-control-allow-credentials")).toBe("true");
      }
      expect(answer.headers.get("access-control-allow-private-network")).toBeNull();
    },
  );

  it("refuses pages of other origins", async () => {
    const app = createApp("https://chat.example");
    const origin = "https://evil.example";
    const ask = { ...PREFLIGHT.headers, origin, "access-control-request-private-network": "true" };
    const preflight = await app.request(CHAT, { ...PREFLIGHT, headers: ask });
    const answer = await app.request("/v1/models", { headers: { origin } });
    for (const { headers } of [preflight, answer]) {
      for (const name of ["origin", "credentials", "private-network"]) {
        expect(headers.get(`access-control-allow-${name}`)).toBeNull();
      }
    }
  });

  it("lets all pages in with *", async () => {
    const preflight = await createApp("*").request(CHAT, PREFLIGHT);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();
  });
});
