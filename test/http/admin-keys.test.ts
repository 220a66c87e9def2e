import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createAccess } from "../../src/keys/access.ts";
import { policySchema } from "../../src/keys/key.ts";
import { issueKey } from "../../src/keys/manage.ts";
import { openState, temporaryFolder } from "../store/support.ts";
import { chatInit, createTestApp, listen, MODEL_ID } from "./support.ts";

const created = z.looseObject({ id: z.string(), name: z.string(), secret: z.string(), warnings: z.array(z.string()) });
const refused = z.object({ error: z.object({ message: z.string(), param: z.string().nullable(), code: z.string() }) });

/** A served gateway over a state file, and what it logged. */
async function setUp(apiKey = "") {
  const folder = temporaryFolder();
  const state = openState({ file: folder.file });
  const access = createAccess({ config: { keysFile: "", apiKey }, state, logger: pino({ level: "silent" }) });
  const { app, log } = createTestApp({ state, access });
  const server = await listen(app);
  const ask = (method: string, path: string, secret?: string, body?: unknown) =>
    fetch(`${server.url}${path}`, {
      method,
      headers: {
        "content-type": "application/json",
        ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const create = async (body: unknown, secret?: string) =>
    created.parse(await (await ask("POST", "/admin/keys", secret, body)).json());
  const chat = async (secret?: string) =>
    (await ask("POST", "/v1/chat/completions", secret, JSON.parse(chatInit({}).body))).status;
  return {
    ...{ ask, create, chat, log, state },
    /** An admin's secret, issued as the command line does. */
    admin: () =>
      issueKey(state.keys, { name: "root", expiresMs: undefined, policy: policySchema.parse({ admin: true }) }, 1)
        .secret,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      state.close();
      folder[Symbol.dispose]();
    },
  };
}

describe("POST /admin/keys", () => {
  it("creates a key that works at once, with its limits, and shows the secret only then", async () => {
    await using all = await setUp();
    const admin = all.admin();
    const answer = await all.ask("POST", "/admin/keys", admin, {
      ...{ name: "ci", class: "batch", requests_per_minute: 1, expires: "30d", max_tokens: null },
    });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const { secret, ...key } = created.parse(await answer.json());
    expect(key).toMatchObject({ name: "ci", class: "batch", requests_per_minute: 1, max_tokens: null, admin: false });
    expect([await all.chat(secret), await all.chat(secret)]).toEqual([200, 429]);

    const list = await (await all.ask("GET", "/admin/keys", admin)).text();
    expect(list).toContain('"ci"');
    for (const known of [secret, admin]) {
      expect(list).not.toContain(known);
      expect(JSON.stringify(all.log)).not.toContain(known);
    }
  });

  it("sets every field of a policy, by the name that the list shows", async () => {
    await using all = await setUp();
    const limits = Object.fromEntries(
      ["requests_per_minute", "requests_per_day", "tokens_per_minute", "tokens_per_day", "concurrent_requests"].map(
        (field, index) => [field, index + 1],
      ),
    );
    const policy = {
      ...limits,
      ...{ models: [MODEL_ID], class: "interactive", budget_per_day: 0.5, budget_per_month: 5 },
      ...{ max_tokens: 7, max_tokens_limit: 8, max_wait_ms: 9_000, cache: "never" },
      ...{ local_only: true, flows: true, admin: true },
    };
    expect(await all.create({ name: "all", ...policy })).toMatchObject(policy);
    const stored = all.state.keys.list().map((record) => policySchema.parse(JSON.parse(record.policy)));
    expect(Object.keys(stored[0] ?? {}).toSorted()).toEqual(Object.keys(policySchema.shape).toSorted());
  });

  it("of a gateway without keys must be an admin's first, and shuts the door at once", async () => {
    await using all = await setUp();
    const first = await all.ask("POST", "/admin/keys", undefined, { name: "alice" });
    expect([first.status, refused.parse(await first.json()).error.param]).toEqual([400, "admin"]);
    expect(await all.chat()).toBe(200);
    const { secret } = await all.create({ name: "root", admin: true });
    expect([await all.chat(), await all.chat(secret)]).toEqual([401, 200]);
  });

  it("names the field that is wrong, and creates nothing", async () => {
    await using all = await setUp();
    const admin = all.admin();
    for (const [body, param] of [
      [{}, "name"],
      [{ name: "-" }, "name"],
      [{ name: "a", requests_per_minut: 5 }, "requests_per_minut"],
      [{ name: "a", requests_per_minute: 0 }, "requests_per_minute"],
      [{ name: "a", tokens_per_day: 1.5 }, "tokens_per_day"],
      [{ name: "a", budget_per_day: -1 }, "budget_per_day"],
      [{ name: "a", expires: "yesterday" }, "expires"],
      [{ name: "a", expires: "2020-01-01" }, "expires"],
      [{ name: "a", models: [] }, "models"],
      [{ name: "a", models: Array.from({ length: 65 }, String) }, "models"],
      [{ name: "a", class: "vip" }, "class"],
      [{ name: "a", admin: "yes" }, "admin"],
    ] as const) {
      const answer = await all.ask("POST", "/admin/keys", admin, body);
      const { error } = refused.parse(await answer.json());
      expect([answer.status, error.param]).toEqual([400, param]);
    }
    expect(all.state.keys.count()).toBe(1);
  });

  it("refuses a name that is taken, and warns of a model that isn't served", async () => {
    await using all = await setUp();
    const admin = all.admin();
    const { warnings } = await all.create({ name: "alice", models: ["none", MODEL_ID] }, admin);
    expect(warnings).toEqual([expect.stringContaining('"none"')]);
    const again = await all.ask("POST", "/admin/keys", admin, { name: "alice" });
    expect([again.status, refused.parse(await again.json()).error.code]).toEqual([409, "name_taken"]);
  });
});

describe("DELETE /admin/keys/{id}", () => {
  it("revokes a key that was used a moment ago at once", async () => {
    await using all = await setUp();
    const admin = all.admin();
    const { id, secret } = await all.create({ name: "alice" }, admin);
    expect(await all.chat(secret)).toBe(200);
    const answer = await all.ask("DELETE", `/admin/keys/${id}`, admin);
    expect(await answer.json()).toEqual({ id, object: "key", deleted: true });
    expect(await all.chat(secret)).toBe(401);
    expect((await all.ask("DELETE", `/admin/keys/${id}`, admin)).status).toBe(404);
  });

  it("revokes neither the key that asks, nor one by its name, nor those that are kept elsewhere", async () => {
    await using all = await setUp("sk-sluice-of-the-settings");
    const admin = all.admin();
    const [, own] = [all.create({ name: "alice" }, admin), all.state.keys.find("root")?.id ?? ""];
    for (const [id, status, code] of [
      [own, 409, "key_in_use"],
      ["api-key", 409, "key_not_in_state"],
      ["alice", 404, "key_not_found"],
      ["key_0", 404, "key_not_found"],
    ] as const) {
      const answer = await all.ask("DELETE", `/admin/keys/${id}`, admin);
      expect([answer.status, refused.parse(await answer.json()).error.code]).toEqual([status, code]);
    }
    expect(await all.chat(admin)).toBe(200);
  });
});

describe("/admin/keys", () => {
  it("is for admins only", async () => {
    await using all = await setUp("sk-sluice-of-the-settings");
    all.admin();
    for (const [method, path] of [
      ["GET", "/admin/keys"],
      ["POST", "/admin/keys"],
      ["DELETE", "/admin/keys/api-key"],
    ] as const) {
      expect((await all.ask(method, path, "sk-sluice-of-the-settings", method === "GET" ? undefined : {})).status).toBe(
        403,
      );
      expect((await all.ask(method, path, "sk-wrong", method === "GET" ? undefined : {})).status).toBe(401);
    }
  });

  it("lists keys from every place, a page at a time", async () => {
    await using all = await setUp("sk-sluice-of-the-settings");
    const admin = all.admin();
    await all.create({ name: "alice" }, admin);
    const page = z.object({
      has_more: z.boolean(),
      last_id: z.string(),
      data: z.array(z.looseObject({ name: z.string() })),
    });
    const read = async (query: string) => page.parse(await (await all.ask("GET", `/admin/keys${query}`, admin)).json());
    const names = ({ data }: z.infer<typeof page>) => data.map(({ name }) => name);
    const first = await read("?limit=2");
    expect([names(first), first.has_more]).toEqual([["root", "alice"], true]);
    const rest = await read(`?after=${first.last_id}`);
    expect([names(rest), rest.has_more]).toEqual([["api-key"], false]);
    expect((await all.ask("GET", "/admin/keys?limit=0", admin)).status).toBe(400);
    expect((await all.ask("GET", "/admin/keys?after=none", admin)).status).toBe(400);
  });

  it("isn't there for a gateway that is part of a program which says who may call", async () => {
    const { app } = createTestApp();
    const env = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
    expect((await app.request("/admin/keys", {}, env)).status).toBe(404);
  });
});
