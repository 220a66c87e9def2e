import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import { getRequestListener } from "@hono/node-server";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { startGateway } from "../../src/gateway/start.ts";
import type { LocalModel } from "../../src/models/index.ts";
import { answerWith, json, type MockUpstream, mockUpstream } from "../fixtures/mock-upstream.ts";

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const logger = pino({ level: "silent" });
const WAIT = { timeout: 15_000 };

/** An address that a gateway can be named by before it exists. */
async function reserve() {
  let listener: RequestListener = (_, response) => void response.writeHead(502).end();
  const server = createServer((request, response) => listener(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    status: async () => (await fetch(`${url}/ready`)).status,
    async open(upstreams: readonly object[]) {
      const config = configSchema.parse({ model: [], stateFile: ":memory:", listPresets: false, upstreams });
      const gateway = await createGateway({ config, models: [], logger });
      ends.push(gateway.stop);
      listener = getRequestListener(gateway.app.fetch);
      await gateway.start();
    },
  };
}

/** Two gateways that are upstreams of each other, in front of one server. */
async function openPair(x: MockUpstream) {
  const [a, b] = [await reserve(), await reserve()];
  const peer = (url: string) => ({ name: "peer", kind: "sluice", baseUrl: url, refreshMs: 1_000 });
  const there = { name: "x", kind: "vllm", baseUrl: x.url, models: { one: "one" } };
  await Promise.all([a.open([peer(b.url), there]), b.open([peer(a.url), there])]);
  return [a, b] as const;
}

async function ask({ url }: { readonly url: string }): Promise<number> {
  const body = JSON.stringify({ model: "one", messages: [{ role: "user", content: "Hi" }] });
  const init = { method: "POST", headers: { "content-type": "application/json" }, body };
  return (await fetch(`${url}/v1/chat/completions`, init)).status;
}

const failing: Parameters<typeof mockUpstream>[0] = (response) => json(response, 500, { error: { message: "broken" } });

describe("two gateways that are upstreams of each other", () => {
  it("are not ready because of each other, and become ready with the server behind them", async () => {
    const x = await mockUpstream(failing);
    ends.push(x.close);
    const [a, b] = await openPair(x);
    expect([await a.status(), await b.status()]).toEqual([503, 503]);
    x.behave(answerWith(["Hello"]));
    await expect.poll(async () => [await a.status(), await b.status()], WAIT).toEqual([200, 200]);
  });

  it("do not stay ready because of each other when that server fails", async () => {
    const x = await mockUpstream(answerWith(["Hello"]));
    ends.push(x.close);
    const [a, b] = await openPair(x);
    await expect.poll(async () => [await a.status(), await b.status()], WAIT).toEqual([200, 200]);
    x.behave(failing);
    for (let asked = 0; asked < 6; asked += 1) await Promise.all([ask(a), ask(b)]);
    await expect.poll(async () => [await a.status(), await b.status()], WAIT).toEqual([503, 503]);
  });
});

describe("a gateway that is told to stop", () => {
  it("goes on answering while its readiness tells load balancers to send nothing more", async () => {
    const x = await mockUpstream(answerWith(["Hello"]));
    ends.push(x.close);
    const config = configSchema.parse({
      ...{ model: [], stateFile: ":memory:", listPresets: false, port: 0 },
      upstreams: [{ name: "x", kind: "vllm", baseUrl: x.url, models: { one: "one" } }],
    });
    const gateway = await startGateway({ config, models: [], logger });
    const status = async (path: string) => (await fetch(`${gateway.url}${path}`)).status;
    expect(await status("/ready")).toBe(200);
    const stopped = gateway.stop(1_000, 2_000);
    expect(await status("/ready")).toBe(503);
    expect(await status("/health")).toBe(200);
    expect(await ask(gateway)).toBe(200);
    await stopped;
    await expect(fetch(`${gateway.url}/health`)).rejects.toThrow();
  });
});

describe("a start with too little memory for its models", () => {
  it("fails with the figures and leaves no rejection behind, which would end the process with a stack", async () => {
    const unheard: unknown[] = [];
    const note = (reason: unknown) => void unheard.push(reason);
    process.on("unhandledRejection", note);
    ends.push(async () => void process.off("unhandledRejection", note));
    const path = import.meta.filename;
    const gguf = { architecture: "llama", parameterCount: 1, contextLength: 64, chatTemplate: true, sizeBytes: 1 };
    const config = configSchema.parse({ stateFile: ":memory:", listPresets: false, port: 0, memory: "64MiB" });
    const started = startGateway({
      ...{ config, logger },
      models: [{ id: "large", aliases: [], path, sizeBytes: 1e9, gguf: gguf as LocalModel["gguf"] }],
      readAgain: () => Promise.reject(new Error("not reached")),
    });
    await expect(started).rejects.toThrow(/The model `large` needs .* and models may take 64 MiB/);
    await setImmediate();
    expect(unheard).toEqual([]);
  });
});
