import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { untilStored, untilTurnsEnd, withRedis } from "../fixtures/redis-client.ts";
import { type RedisServer, startRedis } from "../fixtures/redis-server.ts";
import { endAll, runSluice, type SluiceProcess } from "./sluice-process.ts";

type Gateway = { readonly process: SluiceProcess; readonly url: string };

let folder: string;
let redis: RedisServer;
let one: Gateway;
let other: Gateway;

async function start(name: string, flags: readonly string[] = ["--redis-shares", "answers"]): Promise<Gateway> {
  const process = runSluice(
    ...["--slots", "4", "--context", "1024"],
    ...["--state-file", join(folder, `${name}.db`), "--redis-url", redis.url, ...flags],
  );
  return { process, url: await process.ready };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-shared-"));
  redis = await startRedis();
  one = await start("one");
  other = await start("other");
});

afterAll(async () => {
  await endAll();
  await redis[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  await withRedis(redis.url, (client) => client.flushAll());
});

function bodyOf(content: string, maxTokens: number) {
  return {
    model: "smollm2-135m-instruct",
    messages: [{ role: "user", content }],
    temperature: 0,
    max_tokens: maxTokens,
  };
}

function post(body: object): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

async function readAll(reader: ReadableStreamDefaultReader | undefined): Promise<void> {
  for (;;) if ((await reader?.read())?.done !== false) return;
}

async function ask({ url }: Gateway, content: string, maxTokens = 8) {
  const response = await fetch(`${url}/v1/chat/completions`, post(bodyOf(content, maxTokens)));
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  const { choices, usage } = (await response.json()) as OpenAI.ChatCompletion;
  return {
    text: choices[0]?.message.content,
    status: response.headers.get("cache-status"),
    isEvaluated: usage?.prompt_tokens_details?.cached_tokens !== usage?.prompt_tokens,
  };
}

async function admin(gateway: Gateway, method: string): Promise<unknown> {
  return (await fetch(`${gateway.url}/admin/cache`, { method })).json();
}

const MISS = "sluice; fwd=miss; stored";

describe("two gateways with one Redis", () => {
  test("answer from each other's generations, until they are cleared", async () => {
    const generated = await ask(one, "Name a river.");
    expect(generated.status).toBe(MISS);
    await untilStored(redis.url, 1);
    const found = await ask(other, "Name a river.");
    expect(found.status).toMatch(/^sluice; hit; ttl=\d+; detail=REMOTE$/);
    expect(found.text).toBe(generated.text);
    expect((await ask(other, "Name a river.")).status).toMatch(/^sluice; hit; ttl=\d+$/);
    expect(await admin(other, "GET")).toMatchObject({ entries: 1, hits: 2, shared: { up: true, hits: 1 } });
    const cleared = { object: "cache", deleted: 1, shared: { deleted: 1, complete: true } };
    expect(await admin(other, "DELETE")).toEqual(cleared);
    expect((await ask(other, "Name a river.")).status).toBe(MISS);
  });

  test("generate an answer once if both are asked at once", async () => {
    const question = "Tell me about the sea.";
    const [first, second] = await Promise.all([ask(one, question, 48), ask(other, question, 48)]);
    expect(second.text).toBe(first.text);
    // An engine evaluates at least the last token of a prompt.
    expect([first, second].filter(({ isEvaluated }) => isEvaluated)).toHaveLength(1);
    await untilStored(redis.url, 1);
  });

  test("fail no request while it is killed and brought back under load", async () => {
    const TOTAL = 60;
    let done = 0;
    let asked = 0;
    const reached = new Map([15, 40].map((count) => [count, Promise.withResolvers<void>()]));
    async function client(gateway: Gateway): Promise<void> {
      while (asked < TOTAL) {
        // Every question is sent several times, to both gateways.
        const { text } = await ask(gateway, `Say the number ${asked++ % 20}.`, 4);
        expect(text).not.toBe("");
        reached.get(++done)?.resolve();
      }
    }
    const clients = Promise.all([one, other, one, other, one, other].map(client));
    await Promise.race([reached.get(15)?.promise, clients]);
    await redis.kill();
    await Promise.race([reached.get(40)?.promise, clients]);
    await redis.restart();
    await clients;
    for (const { process } of [one, other]) await process.says("Redis is back");
    await ask(one, "Name a lake.");
    await untilTurnsEnd(redis.url);
    expect((await ask(other, "Name a lake.")).status).toContain("detail=REMOTE");
  });

  test("store nothing of a generation whose gateway was killed; the other generates it", async () => {
    const question = "Tell me a story about a bear.";
    const cut = fetch(`${one.url}/v1/chat/completions`, post({ ...bodyOf(question, 100), stream: true }));
    const reader = (await cut).body?.getReader();
    await reader?.read();
    one.process.kill("SIGKILL");
    await expect(readAll(reader)).rejects.toThrow();
    const [turns, answers] = await withRedis(redis.url, (client) =>
      Promise.all([client.keys("sluice:turn:*"), client.keys("sluice:answer:*")]),
    );
    expect([turns.length, answers.length]).toEqual([1, 0]);
    expect((await ask(other, question, 100)).status).toBe(MISS);
    await untilStored(redis.url, 1);
    one = await start("one");
    expect((await ask(one, question, 100)).status).toContain("detail=REMOTE");
  });

  test("share only limits by default", async () => {
    const keysFile = join(folder, "keys.yaml");
    const secret = "sk-sluice-of-the-file";
    await writeFile(keysFile, `keys:\n  - { name: alice, key: ${secret}, requestsPerMinute: 2 }\n`);
    const counting = [
      await start("third", ["--keys-file", keysFile]),
      await start("fourth", ["--keys-file", keysFile]),
    ];
    const statuses: number[] = [];
    for (const { url } of [...counting, ...counting]) {
      const request = post(bodyOf("Name a wood.", 4));
      const headers = { "content-type": "application/json", authorization: `Bearer ${secret}` };
      const response = await fetch(`${url}/v1/chat/completions`, { ...request, headers });
      await response.text();
      statuses.push(response.status);
    }
    expect(statuses).toEqual([200, 200, 429, 429]);
    for (const { process } of counting) {
      process.kill("SIGTERM");
      expect((await process.ended).code).toBe(0);
    }
    expect(await withRedis(redis.url, (client) => client.keys("*"))).toEqual(["sluice:rpm:file:alice"]);
  });

  test("stop cleanly while Redis hangs, and start while it is down", async () => {
    redis.freeze(true);
    other.process.kill("SIGTERM");
    expect((await other.process.ended).code).toBe(0);
    redis.freeze(false);
    await redis.kill();
    other = await start("other");
    expect(other.process.stderr()).toContain("Redis can't be had");
    expect((await ask(other, "Name a hill.")).status).toBe(MISS);
    await redis.restart();
  });
});
