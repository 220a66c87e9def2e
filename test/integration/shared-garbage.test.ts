import { Readable } from "node:stream";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSharedBatches, createSharedQueue } from "../../src/jobs/batches.ts";
import { createSharedBytes, type SharedBytes } from "../../src/jobs/file-bytes.ts";
import { createFileRows } from "../../src/jobs/file-rows.ts";
import { PIECE_BYTES } from "../../src/jobs/names.ts";
import { createSharedStore, type SharedStore } from "../../src/jobs/store.ts";
import { createSharedUploads } from "../../src/jobs/uploads.ts";
import { createLink, type Link } from "../../src/redis/link.ts";
import { withRedis } from "../fixtures/redis-client.ts";
import { redisOfTests } from "../fixtures/redis-server.ts";
import { echoUpstream, openGateway } from "./shared-batches-support.ts";

const redis = redisOfTests();
const logger = pino({ level: "silent" });
const BOUNDS = { maxBytes: 1e9, maxFiles: 100_000 };
const P = "sluice:jobs:1:";
let link: Link;
let store: SharedStore;
let bytes: SharedBytes;

beforeEach(async () => {
  link = createLink({ url: redis().url, timeoutMs: 5_000, logger, meanwhile: "" });
  await link.open();
  store = createSharedStore(link, logger);
  bytes = createSharedBytes({ store, maxTenantBytes: 1e9, maxAllBytes: 1e9, now: Date.now });
});
afterEach(() => link.close());

/** All keys but the counters. */
const namesLeft = () =>
  withRedis(redis().url, async (client) =>
    (await client.keys("*")).filter((name) => !/:(seq|used(:.*)?)$/.test(name)).toSorted(),
  );

const receive = (id: string, text: string, tenant = "t") =>
  bytes.receive(id, Readable.from([Buffer.from(text)]), tenant);

async function addFile(id: string, text: string, tenant = "t") {
  await receive(id, text, tenant);
  const rows = createFileRows({ store, tenant, now: Date.now });
  const file = { id, createdMs: 0, expiresMs: null, bytes: 0, filename: id, purpose: "batch" };
  expect(await rows.add(file, BOUNDS)).toBe(true);
  return rows;
}

describe("what is left of files that gateways share", () => {
  test("is nothing, though the file is empty", async () => {
    const rows = await addFile("empty", "");
    expect(await rows.remove("empty")).toBe(true);
    await bytes.tidy();
    expect(await namesLeft()).toEqual([]);
    // As a part of an upload goes.
    await receive("part", "");
    await bytes.remove("part");
    expect(await namesLeft()).toEqual([]);
  });

  test("goes, though an empty part is among it, and a file that Redis knows wrong things of", async () => {
    await receive("bad", "abc");
    await receive("empty", "");
    await receive("late", "x".repeat(PIECE_BYTES + 1));
    await receive("new", "abc");
    await withRedis(redis().url, async (client) => {
      await client.hSet(`${P}file:bad`, "bytes", "many");
      for (const [score, value] of ["bad", "empty", "late"].entries())
        await client.zAdd(`${P}arriving`, { score, value });
    });
    await bytes.tidy();
    expect(await namesLeft()).toEqual([
      `${P}arriving`,
      `${P}file:bad`,
      `${P}file:new`,
      `${P}piece:bad:0`,
      `${P}piece:new:0`,
    ]);
  });

  test("goes with a message batch that ended and is deleted", async () => {
    const there = await echoUpstream();
    const { ask, stop } = await openGateway(there, redis().url);
    try {
      const request = (n: number) => ({
        custom_id: `line-${n}`,
        params: { model: "one", max_tokens: 8, messages: [{ role: "user", content: `Number ${n}` }] },
      });
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ requests: [request(0), request(1)] });
      const made = await ask("/v1/messages/batches", { method: "POST", headers, body });
      const path = `/v1/messages/batches/${Object(await made.json()).id}`;
      await expect.poll(async () => Object(await (await ask(path)).json()).processing_status).toBe("ended");
      expect((await namesLeft()).filter((name) => name.startsWith(`${P}piece:`))).not.toEqual([]);
      expect((await ask(path, { method: "DELETE" })).status).toBe(200);
      await bytes.tidy();
      expect(await namesLeft()).toEqual([]);
    } finally {
      await stop();
      await there.close();
    }
  });
});

test("a file can be deleted from a Redis that is full, which frees memory", async () => {
  const rows = await addFile("large", "x".repeat(3 * PIECE_BYTES));
  await withRedis(redis().url, async (client) => {
    const limit = (size: string) => client.configSet("maxmemory", size);
    await limit("1mb");
    try {
      await expect(receive("more", "abc")).rejects.toThrow("it is full");
      expect(await rows.remove("large")).toBe(true);
      await bytes.tidy();
    } finally {
      await limit("0");
    }
  });
  expect(await namesLeft()).toEqual([]);
  expect(await rows.usedBytes()).toBe(0);
});

test("what may still come of uploads is known, until they end", async () => {
  let nowMs = 0;
  const uploads = createSharedUploads({ store, tenant: "t", now: () => nowMs });
  const upload = (id: string, size: number, endsMs: number) => ({
    ...{ id, createdMs: 0, endsMs, status: "pending" as const, bytes: size, filename: id, purpose: "batch" },
    ...{ lifeMs: null, parts: [], file: null },
  });
  await uploads.add(upload("one", 100, 10));
  await uploads.add(upload("two", 1_000, 20));
  await uploads.add(upload("three", 10_000, 10));
  expect(await uploads.pendingBytes()).toBe(11_100);
  await uploads.addPart("one", { id: "part", bytes: 40 });
  expect(await uploads.pendingBytes()).toBe(11_060);
  await uploads.end("one", "completed", "file");
  expect(await uploads.pendingBytes()).toBe(11_000);
  nowMs = 10;
  expect(await uploads.pendingBytes()).toBe(1_000);
  const others = createSharedUploads({ store, tenant: "other", now: () => nowMs });
  expect(await others.pendingBytes()).toBe(0);
});

test("the batches of a key are seen, though another has a thousand before them", async () => {
  const add = async (tenant: string, count: number) => {
    await addFile(`in-${tenant}`, "x\n", tenant);
    const batches = createSharedBatches(store, tenant);
    for (let n = 0; n < count; n++) {
      const id = `${tenant}-${n}`;
      await batches.add({
        ...{ id, kind: "openai", keyId: null, createdMs: 0, endsMs: 100, status: "validating", endpoint: "/" },
        ...{ inputFile: `in-${tenant}`, outputFile: `out-${id}`, errorFile: `err-${id}`, body: "{}", progress: null },
      });
    }
  };
  await add("many", 1_000);
  await add("few", 1);
  await add("some", 12);
  const queue = createSharedQueue({ store, knowsKey: () => true, now: () => 0 });
  const seen = async () => (await queue.unfinished()).slice(1_000).map(({ id }) => id);
  const some = Array.from({ length: 10 }, (_, n) => `some-${n}`);
  expect(await seen()).toEqual(["few-0", ...some]);
  expect(await queue.change("few-0", ["validating"], { to: "failed", moment: "failed_ms", atMs: 1 })).toBe(true);
  expect(await seen()).toEqual(some);
  expect((await withRedis(redis().url, (client) => client.sMembers(`${P}tenants`))).toSorted()).toEqual([
    "many",
    "some",
  ]);
});
