import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { startGateway } from "../../src/gateway/start.ts";
import { readMetrics } from "../fixtures/read-metrics.ts";

const logger = pino({ level: "silent" });

async function start(settings: object) {
  const config = configSchema.parse({ model: [], stateFile: ":memory:", listPresets: false, port: 0, ...settings });
  const gateway = await startGateway({ config, models: [], logger });
  onTestFinished(() => gateway.stop(1_000));
  return gateway;
}

/** Asks with a `Host` of its own, which `fetch` doesn't allow. */
async function ask(url: string, host: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  get(url, { headers: { host } }, resolve).on("error", reject);
  const response = await promise;
  await text(response);
  return response.statusCode;
}

test("metrics at a port of their own need no key, and nothing else is there", async () => {
  const { url, metricsUrl = "" } = await start({ apiKey: "0123456789abcdef", metricsPort: 0 });
  const answer = await fetch(metricsUrl);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  expect(readMetrics(await answer.text()).samples.map(({ name }) => name)).toContain("sluice_build_info");
  expect((await fetch(`${url}/metrics`)).status).toBe(401);
  for (const path of ["/", "/v1/models", "/admin/usage", "/metrics/more"]) {
    expect((await fetch(new URL(path, metricsUrl))).status).toBe(404);
  }
  expect((await fetch(metricsUrl, { method: "POST", body: "{}" })).status).toBe(404);
});

test("on this machine's own address the port answers to its own names only", async () => {
  const { metricsUrl = "" } = await start({ metricsPort: 0, allowedHosts: ["metrics.example"] });
  expect(await ask(metricsUrl, "attacker.example")).toBe(403);
  expect(await ask(metricsUrl, "localhost:1234")).toBe(200);
  expect(await ask(metricsUrl, "metrics.example")).toBe(200);
});

test("the port has an address of its own if one is named, and there is none without it", async () => {
  const { metricsUrl } = await start({ metricsPort: 0, metricsHost: "127.0.0.2" });
  expect(metricsUrl).toMatch(/^http:\/\/127\.0\.0\.2:\d+\/metrics$/);
  expect((await start({})).metricsUrl).toBeUndefined();
});

test("the port is closed when the gateway has stopped", async () => {
  const { metricsUrl = "", stop } = await start({ metricsPort: 0 });
  await stop(1_000);
  await expect(fetch(metricsUrl)).rejects.toThrow();
});

test("a port that another program has stops the start, and leaves nothing open", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  onTestFinished(() => void taken.close());
  const address = taken.address();
  const metricsPort = typeof address === "object" && address !== null ? address.port : 0;
  await expect(start({ metricsPort })).rejects.toMatchObject({ code: "EADDRINUSE", port: metricsPort });
});
