import { describe, expect, it } from "vitest";
import { z } from "zod";
import { OWN_TERMS } from "../../src/generation/terms.ts";
import { admitted, finished, openBook, started, text } from "../telemetry/requests/play.ts";
import { createTestApp, jsonInit } from "./support.ts";
import { answerOf } from "./what-if-support.ts";

const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
const page = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })), has_more: z.boolean() });
const refusal = z.looseObject({ error: z.looseObject({ param: z.string().nullable(), code: z.string().nullable() }) });

async function openApp() {
  const { book, run, answered } = openBook({ limit: 100 });
  const { app } = createTestApp({ requests: book });
  for (const [at, passMs] of [100, 3_000, 200, 5_000].entries()) {
    const terms = { ...OWN_TERMS, priority: at < 2 ? "batch" : "interactive" } as const;
    const record = await run({ terms }, admitted(0), { passMs }, started(10), text, finished(1));
    answered(record, { keyName: at === 0 ? "laptop" : "phone" });
  }
  const list = async (query: string) =>
    page.parse(await (await app.request(`/admin/requests${query}`, {}, FROM_HERE)).json());
  return { app, list, book };
}

const idsOf = ({ data }: z.infer<typeof page>) => data.map(({ id }) => id);

describe("GET /admin/requests", () => {
  it("lists the newest first, in pages", async () => {
    const { list } = await openApp();
    const first = await list("?limit=3");
    expect([idsOf(first), first.has_more]).toEqual([["req_4", "req_3", "req_2"], true]);
    const second = await list("?limit=3&before=req_2");
    expect([idsOf(second), second.has_more]).toEqual([["req_1"], false]);
    expect(idsOf(await list("?before=req_gone"))).toEqual([]);
  });

  it.each([
    ["?class=batch", ["req_2", "req_1"]],
    ["?min_ms=1000", ["req_4", "req_2"]],
    ["?key=laptop", ["req_1"]],
    ["?model=other", []],
    ["?state=failed", []],
    ["?lost=true", []],
    ["?state=done&min_ms=250&class=batch", ["req_2"]],
  ])("filters by %s", async (query, ids) => {
    const { list } = await openApp();
    expect(idsOf(await list(query))).toEqual(ids);
  });

  it.each(["?limit=0", "?limit=5000", "?class=best", "?state=odd", "?min_ms=soon"])(
    "refuses %s, and names it",
    async (query) => {
      const { app } = await openApp();
      const response = await app.request(`/admin/requests${query}`, {}, FROM_HERE);
      expect(response.status).toBe(400);
      const name = query.slice(1, query.indexOf("="));
      expect(refusal.parse(await response.json()).error.param).toBe(name);
    },
  );

  it("is for the operator only, and empty where nothing is kept", async () => {
    const { app } = createTestApp();
    expect((await app.request("/admin/requests")).status).toBe(403);
    expect((await app.request("/admin/requests/req_1")).status).toBe(403);
    expect((await app.request("/admin/what-if", jsonInit({}))).status).toBe(403);
    expect(await (await app.request("/admin/requests", {}, FROM_HERE)).json()).toMatchObject({ data: [] });
  });
});

describe("GET /admin/requests/{id}", () => {
  it("shows one, with why it was slow", async () => {
    const { app } = await openApp();
    const shown = await (await app.request("/admin/requests/req_4", {}, FROM_HERE)).json();
    expect(shown).toMatchObject({ id: "req_4", why: "m took 5.0 s to its first token, at another server." });
  });

  it("is a 404 for one that is not kept, which says where to look", async () => {
    const { app } = await openApp();
    const response = await app.request("/admin/requests/req_0", {}, FROM_HERE);
    expect(response.status).toBe(404);
    expect(refusal.parse(await response.json()).error).toMatchObject({ code: "request_not_found" });
  });
});

describe("POST /admin/what-if", () => {
  const ask = async (body: object, requests = 20) => {
    const { app } = createTestApp({ whatIf: answerOf(requests) });
    return app.request("/admin/what-if", jsonInit(body), FROM_HERE);
  };

  it("tells what was measured, what the simulation makes of it, and what would be with other settings", async () => {
    const response = await ask({ slots: 8, spill: { after_ms: 2_000 } });
    expect(await response.json()).toMatchObject({
      ...{ object: "what_if", model: "busiest", requests: 20, span_ms: 1_900 },
      settings: {
        today: { slots: 2, spill: null },
        changed: { slots: 8, spill: { after_ms: 2_000, first_token_ms: 1_000 } },
      },
      measured: { p50_ms: 60, p95_ms: 60, answered: 20 },
      changed: { answered: 20, refused: 0 },
    });
  });

  it.each([
    [{ slots: 0 }, "slots"],
    [{ replicas: 1_000 }, "replicas"],
    [{ traffic: -1 }, "traffic"],
    [{ spill: { after_ms: -3 } }, "spill.after_ms"],
    [{ spill: { after_ms: 3, before: 3 } }, "spill.before"],
    [{ slotz: 3 }, "slotz"],
    [{ model: "nobody" }, "model"],
    [{ model: "cloud" }, "model"],
  ])("refuses %j, and names %s", async (body, name) => {
    const response = await ask(body);
    expect(response.status).toBe(400);
    expect(refusal.parse(await response.json()).error.param).toBe(name);
  });

  it("needs requests to learn from", async () => {
    const response = await ask({}, 9);
    expect(refusal.parse(await response.json()).error).toMatchObject({ code: "too_few_requests" });
    const { app } = createTestApp();
    expect((await app.request("/admin/what-if", jsonInit({}), FROM_HERE)).status).toBe(400);
  });
});
