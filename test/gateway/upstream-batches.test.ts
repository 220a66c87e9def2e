import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { run } from "../../src/cli/run.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { fakeContext } from "../cli/fake-context.ts";
import { batchServer } from "../fixtures/batch-server.ts";
import { batchResult } from "../fixtures/openai/batches.ts";
import { file as fileSchema } from "../fixtures/openai/files.ts";
import { formInit, listen } from "../http/support.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const ALICE = "sk-a-secret-of-a-test";
const BOB = "sk-the-secret-of-bob-here";
const CHAT = "/v1/chat/completions";

function completion(body: Readonly<Record<string, unknown>>): object {
  return {
    ...{ id: "theirs-1", object: "chat.completion", created: 1, model: body.model },
    choices: [{ index: 0, message: { role: "assistant", content: "Yes" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 },
  };
}

const batchSchema = z.object({
  id: z.string(),
  status: z.string(),
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  request_counts: z.object({ completed: z.int() }),
  usage: z.object({ input_tokens: z.int(), output_tokens: z.int(), cost: z.number().optional() }),
  sluice: z.object({ upstream: z.object({ name: z.string(), requests: z.int() }).nullable() }).optional(),
});

/** A gateway with two keys, the second with a limit, in front of a server with batches. */
async function open(answer = completion, settings = "price: { input: 1, output: 20 }, batchDiscount: 0.5") {
  const folder = mkdtempSync(join(tmpdir(), "sluice-upstream-batches-"));
  ends.push(() => rmSync(folder, { recursive: true }));
  const server = await batchServer(answer);
  ends.push(server.close);
  writeFileSync(
    join(folder, "keys.yaml"),
    `keys: [{ name: alice, key: ${ALICE}, admin: true }, { name: bob, key: ${BOB}, requestsPerDay: 1000 }]`,
  );
  const text = `
upstreams: { there: { baseUrl: "${server.url}", models: { ours: theirs }, batch: true, ${settings} } }
routes: { first: { targets: [ours] } }
warmPresets: false
`;
  const { config } = loadConfig({
    ...{ flags: { config: "sluice.yaml" }, env: {}, cwd: folder },
    readFile: () => new TextEncoder().encode(text),
  });
  const paths = { stateFile: join(folder, "state.db"), keysFile: join(folder, "keys.yaml") };
  const gateway = await createGateway({
    ...{ config: { ...config, ...paths }, models: [], logger: pino({ level: "silent" }) },
  });
  ends.push(gateway.stop);
  await gateway.start();
  const { app } = gateway;
  const headersOf = (key: string) => ({ authorization: `Bearer ${key}` });

  async function create(lines: readonly object[], endpoint = CHAT, key = ALICE, metadata = {}): Promise<string> {
    const init = formInit({ purpose: "batch", file: lines.map((one) => JSON.stringify(one)).join("\n") });
    const stored = await app.request("/v1/files", { ...init, headers: { ...init.headers, ...headersOf(key) } });
    const { id } = fileSchema.parse(await stored.json());
    const body = JSON.stringify({ input_file_id: id, endpoint, completion_window: "24h", metadata });
    const headers = { "content-type": "application/json", ...headersOf(key) };
    const created = await app.request("/v1/batches", { method: "POST", headers, body });
    return batchSchema.parse(await created.json()).id;
  }

  const show = async (id: string, key = ALICE) =>
    batchSchema.parse(await (await app.request(`/v1/batches/${id}`, { headers: headersOf(key) })).json());

  async function ended(id: string, key = ALICE) {
    const batch = await vi.waitFor(
      async () => {
        const now = await show(id, key);
        expect(now.status).toBe("completed");
        return now;
      },
      { timeout: 45_000 },
    );
    const content = async (file: string | null) => {
      if (file === null) return [];
      const answered = await app.request(`/v1/files/${file}/content`, { headers: headersOf(key) });
      const results = (await answered.text()).trimEnd().split("\n");
      return results.map((result) => batchResult.parse(JSON.parse(result)));
    };
    return {
      batch,
      output: await content(batch.output_file_id),
      errors: await content(batch.error_file_id),
    };
  }
  return { gateway, server, create, show, ended };
}

const lineOf = (id: string, body: object = {}, url = CHAT) => ({
  ...{ custom_id: id, method: "POST", url },
  body: { model: "ours", messages: [{ role: "user", content: "Is it?" }], ...body },
});

describe("a batch of an upstream's model", () => {
  it("is answered in the upstream's batch, at its price, and counted for its key", async () => {
    const { gateway, server, create, ended, show } = await open();
    const id = await create([lineOf("a"), lineOf("b", { temperature: 0.25 })]);
    await vi.waitFor(async () =>
      expect((await show(id)).sluice).toMatchObject({ upstream: { name: "there", requests: 2 } }),
    );
    const { batch, output } = await ended(id);
    expect(output.map(({ custom_id }) => custom_id)).toEqual(["a", "b"]);
    for (const { response } of output) {
      const { id: own, model, usage } = Object(response?.body);
      expect([own, model]).toEqual([expect.stringMatching(/^chatcmpl-/), "ours"]);
      // Half of 1,000 × 1 + 100 × 20 millionths.
      expect(usage.cost).toBeCloseTo(0.0015, 10);
    }
    expect(batch.usage).toMatchObject({ input_tokens: 2_000, output_tokens: 200 });
    expect(batch.usage.cost).toBeCloseTo(0.003, 10);
    expect(server.asked).toEqual([]);
    expect(server.batches).toHaveLength(1);
    expect(server.batches[0]).toMatchObject({
      metadata: { sluice_segment: `${id}.0.0`, sluice_hops: "1" },
      completion_window: "24h",
    });
    expect(server.files.size).toBe(0);
    gateway.access.flush();
    const headers = { authorization: `Bearer ${ALICE}` };
    const used = Object(await (await gateway.app.request("/admin/usage", { headers })).json());
    expect(used.data).toMatchObject([{ key_name: "alice", requests: 2, prompt_tokens: 2_000, cost: 0.003 }]);
  });

  it("goes there through a route that asks it first", async () => {
    const { server, create, ended } = await open();
    const { output } = await ended(await create([lineOf("a", { model: "first" })]));
    expect(Object(output[0]?.response?.body).model).toBe("ours");
    expect(server.asked).toEqual([]);
    expect(server.batches).toHaveLength(1);
  });

  it("makes those requests by themselves that need more than to be passed on", async () => {
    const { server, create, ended } = await open();
    const { output } = await ended(await create([lineOf("a"), lineOf("stored", { store: true }), lineOf("b")]));
    expect(output.map(({ custom_id }) => custom_id).toSorted()).toEqual(["a", "b", "stored"]);
    expect(server.asked).toHaveLength(1);
  });

  it("is made request by request for a key with limits", async () => {
    const { server, create, ended } = await open();
    const { output } = await ended(await create([lineOf("a"), lineOf("b")], CHAT, BOB), BOB);
    expect(output).toHaveLength(2);
    expect(server.batches).toEqual([]);
  });

  it("is made request by request where it has come through gateways' batches again and again", async () => {
    const { server, create, ended } = await open();
    await ended(await create([lineOf("a")], CHAT, ALICE, { sluice_hops: "2" }));
    expect(server.batches).toMatchObject([{ metadata: { sluice_hops: "3" } }]);
    await ended(await create([lineOf("a")], CHAT, ALICE, { sluice_hops: "3" }));
    expect(server.batches).toHaveLength(1);
  });

  it("may be one of vectors", async () => {
    const vectors = (body: Readonly<Record<string, unknown>>) => ({
      ...{ object: "list", model: body.model, usage: { prompt_tokens: 1_000, total_tokens: 1_000 } },
      data: [{ object: "embedding", index: 0, embedding: [0.25, 1] }],
    });
    const { server, create, ended } = await open(vectors);
    const url = "/v1/embeddings";
    const line = { custom_id: "v", method: "POST", url, body: { model: "ours", input: "Hi" } };
    const { output } = await ended(await create([line], url));
    expect(output[0]?.response?.body).toMatchObject({ model: "ours", data: [{ index: 0 }] });
    expect(server.asked).toEqual([]);
  });

  it("is created once and loses nothing, though answers are lost, late, redirected, or of another form", async () => {
    const { server, create, ended } = await open();
    const left = new Set([
      "POST /v1/files",
      "POST /v1/batches",
      "GET /v1/batches/",
      "GET /v1/batches/2",
      "GET /v1/files/",
    ]);
    let polls = 0;
    server.state.hook = (what, response, when) => {
      if (when === "after" && what === "POST /v1/batches" && left.delete(what)) {
        response.destroy();
        return true;
      }
      if (when === "before" && what === "POST /v1/files" && left.delete(what)) {
        response.writeHead(500).end("no");
        return true;
      }
      if (when === "before" && what.startsWith("GET /v1/batches/")) {
        polls += 1;
        if (polls === 1) response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
        if (polls === 2) response.writeHead(200, { "content-type": "application/json" }).end('{"id":"batch_999"}');
        return polls <= 2;
      }
      if (when === "after" && what.endsWith("/content") && left.delete("GET /v1/files/")) {
        response.writeHead(200, { "content-length": "5000" });
        response.write('{"custom_id":"0","response":{"status_code":200,"bo');
        response.destroy();
        return true;
      }
      return false;
    };
    const { output } = await ended(await create([lineOf("a"), lineOf("b")]));
    expect(output.map(({ custom_id }) => custom_id)).toEqual(["a", "b"]);
    expect(server.batches).toHaveLength(1);
    expect(server.asked).toEqual([]);
    expect(server.files.size).toBe(0);
  }, 60_000);

  it("is shown by `sluice batch show` with where it runs, and cancelled there", async () => {
    const { gateway, server, create, show } = await open();
    server.state.hook = (what, response, when) => {
      const [batch] = server.batches;
      if (batch === undefined || when === "after" || !what.startsWith("GET /v1/batches/")) return false;
      if (batch.status === "cancelled") return false;
      const told = { ...batch, request_counts: { total: 2, completed: 1, failed: 0 } };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(told));
      return true;
    };
    const id = await create([lineOf("a"), lineOf("b")]);
    await vi.waitFor(async () => expect((await show(id)).request_counts.completed).toBe(1), { timeout: 10_000 });
    await using listening = await listen(gateway.app);
    const context = fakeContext();
    expect(await run(["batch", "show", id, "--url", listening.url, "--api-key", ALICE], context)).toBe(0);
    expect(context.stdout.text()).toContain("in_progress: 1 of 2 (50 %), 2 in a batch of upstream there");
    const headers = { authorization: `Bearer ${ALICE}`, "content-type": "application/json" };
    await gateway.app.request(`/v1/batches/${id}/cancel`, { method: "POST", headers });
    await vi.waitFor(async () => expect((await show(id)).status).toBe("cancelled"), { timeout: 10_000 });
    expect(server.batches[0]?.status).toBe("cancelled");
    expect(server.files.size).toBe(0);
  }, 30_000);
});
