import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { withRedis } from "../fixtures/redis-client.ts";
import { type RedisServer, startRedis } from "../fixtures/redis-server.ts";
import { askAt, clientOf, echoUpstream, linesOf, openGateway, settingsOf } from "./shared-batches-support.ts";
import { endAll, runSluice, type SluiceProcess } from "./sluice-process.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-shared-batches-"));
const ends: (() => Promise<unknown>)[] = [];
let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis({ isDurable: true });
});
beforeEach(() =>
  withRedis(redis.url, async (client) => {
    await client.configSet("maxmemory", "0");
    await client.configSet("maxmemory-policy", "noeviction");
    await client.flushAll();
  }),
);
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});
afterAll(async () => {
  await endAll();
  await redis[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function upstream() {
  const server = await echoUpstream();
  ends.push(server.close);
  return server;
}

/** A gateway in this process, and the server that answers for it. */
async function gateway(more: Parameters<typeof openGateway>[2] = {}) {
  const there = await upstream();
  const here = await openGateway(there, redis.url, more);
  ends.push(here.stop);
  return { ...here, there };
}

/** A gateway in a process of its own. */
async function process(name: string, flags: readonly string[] = []) {
  const there = await upstream();
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, JSON.stringify(settingsOf(there, redis.url)));
  const sluice = runSluice("--config", file, "--state-file", join(folder, `${name}.db`), ...flags);
  ends.push(() => kill(sluice));
  return { sluice, there, ...clientOf(askAt(await sluice.listens)) };
}

async function kill(sluice: SluiceProcess): Promise<void> {
  sluice.kill("SIGKILL");
  await sluice.ended;
}

const namesOf = () => withRedis(redis.url, async (client) => (await client.keys("*")).toSorted());

describe("gateways that share batches in Redis", () => {
  test("all work on a batch, and give each line one result, though one is killed and Redis is restarted meanwhile", async () => {
    const [a, b, c] = await Promise.all(["a", "b", "c"].map((name) => process(name)));
    if (a === undefined || b === undefined || c === undefined) throw new Error("There are three.");
    const lines = linesOf(300);
    // One of them gets no answers to what it has taken, and its lines are to be done by the others.
    for (const { there } of [a, b, c]) there.hold();
    const id = await a.create(lines);
    for (const { there } of [a, b, c])
      await expect.poll(() => there.asked.length, { timeout: 60_000 }).toBeGreaterThan(3);
    await kill(b.sluice);
    for (const { there } of [a, c]) there.release();
    const left = new Set(b.there.asked);
    await a.until(id, ({ request_counts: counts }) => (counts?.completed ?? 0) >= 60);
    await redis.restart();

    await expect
      .poll(
        () =>
          c
            .ended(id)
            .then(({ status }) => status)
            .catch(() => "none"),
        { timeout: 90_000 },
      )
      .toBe("completed");
    const batch = await c.show(id);
    expect(batch.request_counts).toEqual({ total: 300, completed: 300, failed: 0 });
    const expected = Object.fromEntries(lines.map((_, n) => [`line-${n}`, `Number ${n}!`]));
    expect(await c.answers(batch.output_file_id)).toEqual(expected);
    expect(await a.answers(batch.output_file_id)).toEqual(expected);
    const asked = new Set([...a.there.asked, ...c.there.asked]);
    for (const question of left) expect(asked).toContain(question);
  }, 300_000);

  test("give the same answers of a real model as without a kill", async () => {
    const settings = join(folder, "model.yaml");
    const shared = { redisUrl: redis.url, redisShares: ["batches"], redisTimeoutMs: 2_000 };
    writeFileSync(settings, JSON.stringify({ ...shared, cacheBytes: 0, slots: 2, pages: false }));
    const start = async (name: string) => {
      const sluice = runSluice("--config", settings, "--state-file", join(folder, `${name}.db`));
      ends.push(() => kill(sluice));
      return { sluice, ...clientOf(askAt(await sluice.ready)) };
    };
    const [first, second] = [await start("first"), await start("second")];
    const lines = linesOf(12, "smollm2-135m-instruct");
    const id = await first.create(lines);
    await second.until(id, ({ request_counts: counts }) => (counts?.completed ?? 0) >= 2);
    await kill(first.sluice);
    const answers = await second.answers((await second.ended(id)).output_file_id);
    expect(Object.keys(answers)).toHaveLength(12);
    const undisturbed = await second.ended(await second.create(lines));
    expect(answers).toEqual(await second.answers(undisturbed.output_file_id));
  }, 300_000);

  test("show, list and cancel each other's, and cancelled lines have a result each", async () => {
    const [a, b] = [await gateway(), await gateway()];
    a.there.hold();
    b.there.hold();
    const id = await a.create(linesOf(60));
    await expect.poll(() => a.there.asked.length + b.there.asked.length, { timeout: 60_000 }).toBeGreaterThan(1);
    expect((await b.show(id)).status).toBe("in_progress");
    expect(await (await b.ask("/v1/batches")).json()).toMatchObject({ data: [{ id }], has_more: false });
    expect((await b.ask(`/v1/batches/${id}/cancel`, { method: "POST" })).status).toBe(200);
    const batch = await a.ended(id);
    expect(batch).toMatchObject({ status: "cancelled", output_file_id: null });
    const results = await b.results(batch.error_file_id);
    expect(results.map(({ custom_id }) => custom_id).toSorted()).toEqual(
      linesOf(60)
        .map((line) => JSON.parse(line).custom_id)
        .toSorted(),
    );
    expect(new Set(results.map(({ error }) => error?.code))).toEqual(new Set(["batch_cancelled"]));
    for (const { there } of [a, b]) there.release();
  });

  test("wait while Redis is full, say so, and go on when there is room", async () => {
    const a = await gateway();
    a.there.hold();
    const id = await a.create(linesOf(12));
    await expect.poll(() => a.there.asked.length, { timeout: 60_000 }).toBeGreaterThan(1);
    const setMemory = (bytes: string) => withRedis(redis.url, (client) => client.configSet("maxmemory", bytes));
    await setMemory("1");
    a.there.release();
    const paused = await a.until(id, ({ sluice }) => typeof sluice?.paused === "string");
    expect(paused.sluice?.paused).toContain("it is full");
    await setMemory("0");
    expect(await a.ended(id)).toMatchObject({ status: "completed", request_counts: { total: 12, completed: 12 } });
  });

  test("make no more requests while the files that they share have no more room", async () => {
    const a = await gateway({ maxSharedFileBytes: 4_000 });
    expect((await a.upload(linesOf(100))).status).toBe(413);
    const other = await a.upload(["x".repeat(1_000)]);
    const { id: otherId } = (await other.json()) as { id: string };
    const id = await a.create(linesOf(12));
    const paused = await a.until(id, ({ sluice }) => typeof sluice?.paused === "string");
    expect(paused.sluice?.paused).toContain("4000 bytes");
    expect((await a.ask(`/v1/files/${otherId}`, { method: "DELETE" })).status).toBe(200);
    await a.until(id, ({ request_counts: counts }) => (counts?.completed ?? 0) > 0);
    expect((await a.ask(`/v1/batches/${id}/cancel`, { method: "POST" })).status).toBe(200);
    expect((await a.ended(id)).request_counts.total).toBe(12);
  });
});

describe("files that gateways share", () => {
  test("are stored by one and read, listed and deleted by another, and leave nothing", async () => {
    const [a, b] = [await gateway(), await gateway()];
    const before = await namesOf();
    const text = "é".repeat(400_000);
    const { id, bytes } = (await (await a.upload([text])).json()) as { id: string; bytes: number };
    expect(bytes).toBe(800_000);
    expect(await (await b.ask(`/v1/files/${id}/content`)).text()).toBe(text);
    expect(await (await b.ask("/v1/files")).json()).toMatchObject({ data: [{ id, bytes, filename: "in.jsonl" }] });
    expect((await b.ask(`/v1/files/${id}`, { method: "DELETE" })).status).toBe(200);
    expect((await a.ask(`/v1/files/${id}`)).status).toBe(404);
    const counters = ["sluice:jobs:1:seq", "sluice:jobs:1:used", "sluice:jobs:1:used:local"];
    expect((await namesOf()).filter((name) => !before.includes(name) && !counters.includes(name))).toEqual([]);
  });

  test("come in parts, each by any gateway", async () => {
    const [a, b] = [await gateway(), await gateway()];
    const post = async ({ ask }: typeof a, path: string, body: object) =>
      (
        await ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
      ).json();
    const wish = { purpose: "user_data", filename: "x.txt", bytes: 6, mime_type: "text/plain" };
    const { id } = (await post(a, "/v1/uploads", wish)) as { id: string };
    const send = async ({ ask }: typeof a, data: string) => {
      const form = new FormData();
      form.set("data", new File([data], "part"));
      const part = await ask(`/v1/uploads/${id}/parts`, { method: "POST", body: form });
      return ((await part.json()) as { id: string }).id;
    };
    const partIds = [await send(b, "abc"), await send(a, "def")];
    const done = (await post(b, `/v1/uploads/${id}/complete`, { part_ids: partIds })) as { file: { id: string } };
    expect(await (await a.ask(`/v1/files/${done.file.id}/content`)).text()).toBe("abcdef");
  });

  test("are refused by a Redis that drops what it holds when it is full", async () => {
    await withRedis(redis.url, async (client) => {
      await client.configSet("maxmemory", "100mb");
      await client.configSet("maxmemory-policy", "allkeys-lru");
    });
    const a = await gateway();
    const refused = await a.upload(linesOf(1));
    expect(refused.status).toBe(503);
    expect(JSON.stringify(await refused.json())).toContain("volatile-lru");
    await withRedis(redis.url, (client) => client.configSet("maxmemory-policy", "volatile-lru"));
    expect((await (await gateway()).upload(linesOf(1))).status).toBe(200);
  });

  test("are not there while Redis isn't, which clients are told", async () => {
    const a = await gateway();
    await redis.kill();
    const refused = await a.upload(linesOf(1));
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: "state_unavailable" } });
    await redis.restart();
    await expect.poll(async () => (await a.upload(linesOf(1))).status, { timeout: 60_000 }).toBe(200);
  });
});
