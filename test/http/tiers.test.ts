import { describe, expect, it } from "vitest";
import { message } from "../fixtures/anthropic/schemas.ts";
import { createTestApp, jsonInit } from "./support.ts";
import { createWaitingApp, eventsOf, PROTOCOLS } from "./waiting-support.ts";

const [CHAT, , RESPONSE, MESSAGE] = PROTOCOLS;
const POLICY = { tenant: "team", priority: "interactive", bestPriority: "interactive", maxWaitMs: 9_000 } as const;
const SENT = { "sluice-max-wait-ms": "5000", "sluice-supersede": "editor-1", "x-stainless-timeout": "600" };

describe.each(PROTOCOLS)("the terms of $name", ({ path, body }) => {
  it.each([false, true])(
    "are the caller's, as far as the headers ask for no others, with stream: %j",
    async (stream) => {
      const queue = createWaitingApp(POLICY);
      const { response } = await queue.send(path, { ...body, stream }, SENT);
      queue.admit(0, 0);
      await (await response).text();
      expect(queue.seen).toMatchObject([
        { terms: { tenant: "team", priority: "interactive", maxWaitMs: 5_000, supersedeId: "editor-1" } },
      ]);
    },
  );

  it("are a 400 that names an invalid header", async () => {
    const init = jsonInit(body);
    const headers = { ...init.headers, "sluice-max-wait-ms": "soon" };
    const response = await createTestApp().app.request(path, { ...init, headers });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { type: "invalid_request_error", message: expect.stringContaining("'sluice-max-wait-ms'") },
    });
  });
});

describe("the tier of an answer", () => {
  const tiers = [
    ["priority", "priority"],
    ["flex", "flex"],
    ["scale", "default"],
    ["auto", "default"],
    [undefined, "default"],
  ] as const;

  it.each(tiers)("requested as %s, is reported by a chat completion as %s", async (asked, used) => {
    const { app } = createTestApp();
    const body = { ...CHAT.body, service_tier: asked };
    expect(await (await app.request(CHAT.path, jsonInit(body))).json()).toMatchObject({ service_tier: used });
    const stream = await app.request(CHAT.path, jsonInit({ ...body, stream: true }));
    for (const chunk of eventsOf(await stream.text())) expect(chunk).toMatchObject({ service_tier: used });
  });

  it.each(tiers)("requested as %s, is reported by a response as %s", async (asked, used) => {
    const { app } = createTestApp();
    const body = { ...RESPONSE.body, service_tier: asked };
    expect(await (await app.request(RESPONSE.path, jsonInit(body))).json()).toMatchObject({ service_tier: used });
    const stream = await app.request(RESPONSE.path, jsonInit({ ...body, stream: true }));
    expect(eventsOf(await stream.text()).at(-1)).toMatchObject({ response: { service_tier: used } });
  });

  it.each([
    ["interactive", "auto", "priority"],
    ["interactive", "standard_only", "standard"],
    ["batch", "standard_only", "batch"],
  ] as const)("of a key with %s that asks for %s, is told by a message as %s", async (priority, asked, used) => {
    const queue = createWaitingApp({ ...POLICY, priority });
    const { response } = await queue.send(MESSAGE.path, { ...MESSAGE.body, service_tier: asked });
    queue.admit(0, 0);
    expect(message.parse(await (await response).json()).usage.service_tier).toBe(used);
  });
});

describe("a response in the background", () => {
  it("keeps its tier and the requested wait, but ignores the client's timeout", async () => {
    const queue = createWaitingApp();
    const { response } = await queue.send(
      RESPONSE.path,
      { ...RESPONSE.body, background: true, service_tier: "flex" },
      { "sluice-max-wait-ms": "900000", "x-stainless-timeout": "600" },
    );
    expect(await (await response).json()).toMatchObject({ status: "queued", service_tier: "flex" });
    expect((await response).headers.has("sluice-queue-ms")).toBe(false);
    expect(queue.seen[0]?.terms).toMatchObject({ tenant: "local", priority: "batch", maxWaitMs: 900_000 });
    queue.admit(0, 0);
    await queue.left;
    expect(queue.log).not.toContainEqual(expect.objectContaining({ queueMs: expect.anything() }));
  });
});
