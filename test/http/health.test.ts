import { describe, expect, it } from "vitest";
import type { BackendState } from "../../src/generation/backend.ts";
import { healthAnswer, readyAnswer } from "../../src/http/openapi/operations/service.ts";
import { answerWith, createTestApp, script, servedModel } from "./support.ts";

function createApp(...states: readonly BackendState[]) {
  const generate = script(answerWith(["Hi"]));
  return createTestApp({
    models: states.map((state, index) =>
      servedModel(generate, { id: `model-${index}`, aliases: [], state: () => state }),
    ),
  }).app;
}

describe("GET /health", () => {
  it("is 200 as long as the process lives, whatever the models do", async () => {
    const response = await createApp("failed").request("/health");
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(healthAnswer.parse(await response.json())).toEqual({ status: "ok" });
  });

  it("answers HEAD without a body", async () => {
    const response = await createApp("ready").request("/health", { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
  });
});

describe("the probes of other servers", () => {
  it("are Sluice's own under their names", async () => {
    const app = createApp("failed");
    expect((await app.request("/v2/health/live")).status).toBe(200);
    expect((await app.request("/v2/health/ready")).status).toBe(503);
    expect((await createApp("ready").request("/v2/health/ready")).status).toBe(200);
    expect((await app.request("/v2/health/other")).status).toBe(404);
  });
});

describe("GET /ready", () => {
  it("is 503 from when the gateway is about to stop, whatever its models do", async () => {
    let isLeaving = false;
    const models = [servedModel(script(answerWith(["Hi"])), { id: "one" })];
    const { app } = createTestApp({ models, isLeaving: () => isLeaving });
    expect((await app.request("/ready")).status).toBe(200);
    isLeaving = true;
    expect((await app.request("/ready")).status).toBe(503);
    expect((await app.request("/health")).status).toBe(200);
  });

  it("is 200 while a model that comes and goes is loaded or unloaded: requests wait for it", async () => {
    const statusOf = async (state: BackendState, comesAndGoes: boolean) => {
      const model = servedModel(script([]), { state: () => state, comesAndGoes: () => comesAndGoes });
      return (await createTestApp({ models: [model] }).app.request("/ready")).status;
    };
    for (const state of ["loading", "unloading"] as const) {
      expect([await statusOf(state, true), await statusOf(state, false)]).toEqual([200, 503]);
    }
    expect(await statusOf("failed", true)).toBe(503);
  });

  it("tells another gateway nothing of the models that it has itself", async () => {
    const upstream = { name: "b", kind: "sluice", gatewayId: () => "gateway-b", isLocal: false };
    const { app } = createTestApp({
      models: [
        servedModel(script([]), { id: "own", state: () => "failed" }),
        servedModel(script([]), { id: "theirs", upstream }),
      ],
    });
    const ask = async (via?: string) => {
      const answer = await app.request("/ready", via === undefined ? {} : { headers: { "sluice-via": via } });
      const { models } = readyAnswer.parse(await answer.json());
      return { status: answer.status, ids: models.map(({ id }) => id), named: answer.headers.has("sluice-gateway") };
    };
    expect(await ask()).toEqual({ status: 200, ids: ["own", "theirs"], named: false });
    expect(await ask("gateway-a")).toEqual({ status: 200, ids: ["own", "theirs"], named: true });
    expect(await ask("gateway-a,gateway-b")).toEqual({ status: 503, ids: ["own"], named: true });
  });

  it("is 200 when one model can answer, and shows each model's state", async () => {
    const response = await createApp("loading", "ready").request("/ready");
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(readyAnswer.parse(await response.json())).toEqual({
      status: "ready",
      models: [
        { id: "model-0", state: "loading" },
        { id: "model-1", state: "ready" },
      ],
    });
  });

  it("is 200 when the only model is unloaded, since the next request loads it", async () => {
    expect((await createApp("unloaded").request("/ready")).status).toBe(200);
  });

  it.each(["loading", "restarting", "unloading", "failed"] as const)(
    "is 503 when the only model is %s",
    async (state) => {
      const response = await createApp(state).request("/ready");
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(readyAnswer.parse(await response.json())).toEqual({
        status: "unavailable",
        models: [{ id: "model-0", state }],
      });
    },
  );
});
