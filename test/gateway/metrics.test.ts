import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { answerWith, json, type MockUpstream, mockUpstream } from "../fixtures/mock-upstream.ts";
import { readMetrics, sampleOf } from "../fixtures/read-metrics.ts";
import { listen, loopTurn } from "../http/support.ts";

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const SECRET = "0123456789abcdef";

async function start(upstreams: readonly object[], settings: object = {}): Promise<Gateway> {
  const config = configSchema.parse({ model: [], stateFile: ":memory:", listPresets: false, upstreams, ...settings });
  const gateway = await createGateway({ config, models: [], logger: pino({ level: "silent" }) });
  ends.push(gateway.stop);
  await gateway.start();
  return gateway;
}

async function startMock(behave?: Parameters<typeof mockUpstream>[0]): Promise<MockUpstream> {
  const mock = await mockUpstream(behave);
  ends.push(mock.close);
  return mock;
}

async function chat({ app }: Gateway, body: object = {}): Promise<number> {
  const answer = await app.request("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "one", messages: [{ role: "user", content: "Hi" }], ...body }),
  });
  await answer.text();
  await loopTurn();
  return answer.status;
}

async function read({ app }: Gateway): Promise<string> {
  const answer = await app.request("/metrics");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return answer.text();
}

describe("GET /metrics", () => {
  it("tells what became of a known sequence of requests", async () => {
    const mock = await startMock(answerWith(["Hello", "!"]));
    const gateway = await start([{ name: "there", kind: "vllm", baseUrl: mock.url, models: { one: "one" } }]);
    expect(await chat(gateway)).toBe(200);
    expect(await chat(gateway, { stream: true })).toBe(200);
    expect(await chat(gateway, { temperature: "hot" })).toBe(200);
    mock.behave((response) => json(response, 400, { error: { message: "no" } }));
    expect(await chat(gateway)).toBe(400);
    expect(await chat(gateway, { model: "unknown" })).toBe(404);

    const text = await read(gateway);
    const path = "/v1/chat/completions";
    const of = (name: string, labels: Readonly<Record<string, string>>) => sampleOf(text, name, labels);
    expect(of("sluice_http_requests_total", { path, model: "one", status: "200" })).toBe(3);
    expect(of("sluice_http_requests_total", { path, model: "one", status: "400" })).toBe(1);
    expect(of("sluice_http_requests_total", { path, model: "", status: "404" })).toBe(1);
    expect(of("sluice_requests_total", { model: "one", outcome: "done" })).toBe(3);
    expect(of("sluice_requests_total", { model: "one", outcome: "failed" })).toBe(1);
    expect(of("sluice_failures_total", { model: "one", code: "upstream_400" })).toBe(1);
    expect(of("sluice_prompt_tokens_total", { model: "one" })).toBe(21);
    expect(of("sluice_completion_tokens_total", { model: "one" })).toBe(6);
    // Passed on as they came, these answers have first tokens all the same.
    expect(of("sluice_time_to_first_token_seconds_count", { model: "one", from: "model" })).toBe(3);
    expect(of("sluice_upstream_tries_total", { upstream: "there", outcome: "answered" })).toBe(3);
    expect(of("sluice_upstream_tries_total", { upstream: "there", outcome: "refused" })).toBe(1);
    expect(of("sluice_upstream_up", { upstream: "there" })).toBe(1);
    expect(of("gen_ai_server_time_to_first_token_seconds_count", { gen_ai_provider_name: "vllm" })).toBe(3);
    expect(of("vllm:num_requests_running", { model_name: "one" })).toBe(0);
  });

  it("tells of waiting and running requests of each model while they are in hand", async () => {
    const release = Promise.withResolvers<void>();
    const mock = await startMock(async (response, heard) => {
      if (heard.method === "POST") await release.promise;
      await answerWith(["Hello"])(response, heard);
    });
    const models = { one: "one", two: "two" };
    const gateway = await start([{ name: "there", kind: "vllm", baseUrl: mock.url, models, maxConcurrent: 2 }]);
    const asked = [chat(gateway), chat(gateway, { model: "two" }), chat(gateway), chat(gateway)];
    await expect.poll(() => mock.posts().length).toBe(2);
    const during = await read(gateway);
    expect(sampleOf(during, "vllm:num_requests_running", { model_name: "one" })).toBe(1);
    expect(sampleOf(during, "vllm:num_requests_running", { model_name: "two" })).toBe(1);
    expect(sampleOf(during, "vllm:num_requests_waiting", { model_name: "one" })).toBe(2);
    expect(sampleOf(during, "vllm:num_requests_waiting", { model_name: "two" })).toBe(0);
    release.resolve();
    expect(await Promise.all(asked)).toEqual([200, 200, 200, 200]);
    const after = await read(gateway);
    expect(sampleOf(after, "vllm:num_requests_running", { model_name: "one" })).toBe(0);
    expect(sampleOf(after, "vllm:num_requests_waiting", { model_name: "one" })).toBe(0);
  });

  it("asks no upstream, so that gateways in front of each other come to an end", async () => {
    const mock = await startMock(answerWith(["Hello"]));
    const gateway = await start([{ name: "there", kind: "sluice", baseUrl: mock.url, models: { one: "one" } }]);
    const before = mock.heard.length;
    await read(gateway);
    await read(gateway);
    expect(mock.heard.length).toBe(before);
  });

  it("needs a key if there are keys, unless it is open to all", async () => {
    const mock = await startMock();
    const there = [{ name: "there", baseUrl: mock.url, models: { one: "one" } }];
    const keyed = await start(there, { apiKey: SECRET });
    expect((await keyed.app.request("/metrics")).status).toBe(401);
    const shown = await keyed.app.request("/metrics", { headers: { authorization: `Bearer ${SECRET}` } });
    expect(readMetrics(await shown.text()).samples.length).toBeGreaterThan(0);
    const open = await start(there, { apiKey: SECRET, metrics: "open" });
    expect((await open.app.request("/metrics")).status).toBe(200);
    expect((await open.app.request("/v1/models")).status).toBe(401);
  });

  it("is a 404 that says how to have it, where it is off", async () => {
    const mock = await startMock(answerWith(["Hello"]));
    const gateway = await start([{ name: "there", baseUrl: mock.url, models: { one: "one" } }], { metrics: "off" });
    expect(await chat(gateway)).toBe(200);
    const answer = await gateway.app.request("/metrics");
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({
      error: { code: "metrics_off", message: expect.stringContaining("--metrics open") },
    });
  });

  it("shows nothing of who asked and what", async () => {
    const mock = await startMock(answerWith(["Hello"]));
    const gateway = await start([{ name: "there", baseUrl: mock.url, models: { one: "one" } }], {
      apiKey: SECRET,
      metrics: "open",
    });
    const server = await listen(gateway.app);
    ends.push(() => server[Symbol.asyncDispose]());
    const answer = await fetch(`${server.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${SECRET}`, "sluice-session": "mysession" },
      body: JSON.stringify({ model: "one", messages: [{ role: "user", content: "a confidence" }], user: "somebody" }),
    });
    expect(answer.status).toBe(200);
    await answer.text();
    expect(await read(gateway)).not.toMatch(/confidence|somebody|mysession|api-key|0123456789abcdef/);
  });
});
