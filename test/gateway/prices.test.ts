import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { fakeContext } from "../cli/fake-context.ts";
import { answerWith, begin, type MockUpstream, mockUpstream, send } from "../fixtures/mock-upstream.ts";
import { listen } from "../http/support.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const SECRET = "sk-a-secret-of-a-test";
const ADMIN = "sk-the-secret-of-the-admin";

/** A gateway in front of servers that each answer with 100 tokens to a prompt of 1,000, 200 of which they had; with a key of a budget. */
async function gatewayFor(models: string, more = "", budget = "budgetPerDay: 1") {
  const folder = mkdtempSync(join(tmpdir(), "sluice-prices-"));
  ends.push(() => rmSync(folder, { recursive: true }));
  const details = { prompt_tokens_details: { cached_tokens: 200 } };
  const server = await mockUpstream(
    answerWith(["Yes"], { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100, ...details }),
  );
  ends.push(server.close);
  const keys = `keys: [{ name: alice, key: ${SECRET}, ${budget} }, { name: root, key: ${ADMIN}, admin: true }]`;
  writeFileSync(join(folder, "keys.yaml"), keys);
  const open = async () => {
    const text = `upstreams: { there: { baseUrl: "${server.url}", models: { ${models} } } }\nstateFile: state.db\nkeysFile: keys.yaml\n${more}`;
    const { config } = loadConfig({
      ...{ flags: { config: "sluice.yaml" }, env: {}, cwd: folder },
      readFile: () => new TextEncoder().encode(text),
    });
    const paths = { stateFile: join(folder, "state.db"), keysFile: join(folder, "keys.yaml") };
    const gateway = await createGateway({
      config: { ...config, ...paths },
      models: [],
      logger: pino({ level: "silent" }),
    });
    await gateway.start();
    return gateway;
  };
  const gateway = await open();
  ends.push(gateway.stop);
  return { gateway, open, server };
}

async function post({ app }: Gateway, path: string, body: object, secret = SECRET) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${secret}` };
  const answer = await app.request(path, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const MESSAGES = [{ role: "user", content: "Is it?" }];
/** 800 × 1 + 200 × 0.5 + 100 × 20 millionths. */
const PRICED = "large: { name: one, price: { input: 1, output: 20, cachedInput: 0.5 } }";
const COST = 0.0029;

async function usageOf(gateway: Gateway): Promise<readonly Record<string, unknown>[]> {
  const headers = { authorization: `Bearer ${ADMIN}` };
  const answer = await gateway.app.request("/admin/usage?key=alice", { headers });
  const { data } = (await answer.json()) as { data: Record<string, unknown>[] };
  return data;
}

describe("the cost of an answer", () => {
  it("is in its usage in each protocol, whether it is translated or passed on, and among the usage of the key", async () => {
    const { gateway } = await gatewayFor(PRICED);
    const near = (text: string) => expect(/"cost":([\d.e-]+)/.exec(text)?.[1]).toBe(String(COST));
    const chat = { model: "large", messages: MESSAGES };
    const { text: streamed } = await post(gateway, "/v1/chat/completions", {
      ...{ ...chat, stream: true, stream_options: { include_usage: true } },
    });
    near(streamed);
    near((await post(gateway, "/v1/chat/completions", chat)).text);
    near((await post(gateway, "/v1/messages", { ...chat, max_tokens: 200 })).text);
    near((await post(gateway, "/v1/messages", { ...chat, max_tokens: 200, stream: true })).text);
    near((await post(gateway, "/v1/responses", { model: "large", input: "Is it?", store: false })).text);
    expect(await usageOf(gateway)).toMatchObject([{ model: "large", requests: 5, cost: 0.0145 }]);
  });

  it("is not told where no price is known", async () => {
    const { gateway } = await gatewayFor("large: one");
    expect(
      (await post(gateway, "/v1/messages", { model: "large", messages: MESSAGES, max_tokens: 9 })).text,
    ).not.toContain('"cost"');
    expect(await usageOf(gateway)).toMatchObject([{ requests: 1, cost: 0, energy_joules: 0 }]);
  });

  it("is what the server says, if the operator says nothing else", async () => {
    const { gateway, server } = await gatewayFor("large: one");
    server.behave(answerWith(["Yes"], { prompt_tokens: 10, completion_tokens: 1, cost: 0.25 }));
    const { text } = await post(gateway, "/v1/responses", { model: "large", input: "Is it?", store: false });
    expect(text).toContain('"cost":0.25');
    expect(await usageOf(gateway)).toMatchObject([{ cost: 0.25 }]);
  });
});

describe("a key's budget", () => {
  const ROUTE = "routes: { chat: [{ model: large, when: { usedUpTo: 0.8 } }, small] }";
  const TWO = `${PRICED}, small: { name: one, price: { input: 0.1, output: 1 } }`;

  it("leads to a cheaper target from 80 % on, and refuses at 100 % until the next day, after a restart too", async () => {
    const { gateway, open } = await gatewayFor(TWO, ROUTE, "budgetPerDay: 0.0068");
    const ask = (at = gateway) =>
      post(at, "/v1/chat/completions", { model: "chat", messages: MESSAGES, max_tokens: 100 });
    const models: unknown[] = [];
    let answer = await ask();
    for (; answer.status === 200; answer = await ask()) models.push(JSON.parse(answer.text).model);
    // 2 × 0.0029, then 0.0002 each.
    expect(models).toEqual(["large", "large", ...Array(5).fill("small")]);
    expect(answer.status).toBe(429);
    expect(JSON.parse(answer.text).error).toMatchObject({ type: "insufficient_quota", code: "insufficient_quota" });
    expect(answer.headers.get("x-should-retry")).toBe("false");
    const untilMidnight = Math.ceil((new Date().setUTCHours(24, 0, 0, 0) - Date.now()) / 1_000);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(Math.min(1, untilMidnight));
    await gateway.stop();
    ends.pop();
    const again = await open();
    ends.push(again.stop);
    expect((await ask(again)).status).toBe(429);
  });

  it("is charged what a client that leaves has used", async () => {
    const { gateway, server } = await gatewayFor(PRICED);
    const open = (mock: MockUpstream) =>
      mock.behave((response, { method }) => {
        begin(response);
        if (method === "POST") send(response, { choices: [{ index: 0, delta: { content: "word ".repeat(40) } }] });
      });
    open(server);
    const leaving = new AbortController();
    const headers = { "content-type": "application/json", authorization: `Bearer ${SECRET}` };
    const body = JSON.stringify({ model: "large", messages: MESSAGES, max_tokens: 9, stream: true });
    const answer = await gateway.app.request("/v1/messages", { method: "POST", headers, body, signal: leaving.signal });
    const reader = answer.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await server.posts()[0]?.left;
    const [row] = await usageOf(gateway);
    expect(row?.cost).toBeGreaterThan(0.0005);
  });
});

describe("a running gateway", () => {
  it("explains where a route would send a request now, by its prices and what its key has used", async () => {
    const TWO = `${PRICED}, small: { name: one, price: { input: 0.1, output: 1 } }`;
    const ROUTE = "routes: { chat: [{ model: large, maxCost: 0.01, when: { usedUpTo: 0.8 } }, small] }";
    const { gateway } = await gatewayFor(TWO, ROUTE);
    const explain = async (query: string, secret = ADMIN) => {
      const headers = { authorization: `Bearer ${secret}` };
      const answer = await gateway.app.request(`/admin/routes?${query}`, { headers });
      const body = (await answer.json()) as { data?: unknown[] };
      return { status: answer.status, body: body.data?.[0] ?? body };
    };
    const { body } = await explain("route=Chat&tokens=1000&answer_tokens=100");
    expect(body).toMatchObject({
      candidates: [
        { target: "large", reason: null },
        { target: "small", reason: null },
      ],
      targets: [
        { target: "large", state: "ready", cost: 0.003, waiting: 0, running: 0 },
        { target: "small", cost: 0.0002 },
      ],
    });
    expect((await explain("route=chat&used=0.9")).body).toMatchObject({
      excluded: [{ target: "large", reason: "budget" }],
    });
    expect((await explain("route=chat&tokens=100000")).body).toMatchObject({ excluded: [{ reason: "cost" }] });
    expect((await explain("route=chat&local_only=true")).body).toMatchObject({ candidates: [] });
    expect((await explain("route=chat&needs=wings")).status).toBe(400);
    expect((await explain("route=other")).body).toMatchObject({ error: { code: "route_not_found" } });
    expect((await explain("route=chat", SECRET)).status).toBe(403);
  });

  it("is asked by sluice route --explain --url", async () => {
    const { gateway } = await gatewayFor(PRICED, "routes: { chat: [large, gone] }");
    const server = await listen(gateway.app);
    ends.push(() => server[Symbol.asyncDispose]());
    const context = fakeContext({ env: { SLUICE_ADMIN_KEY: ADMIN } });
    const words = ["route", "--explain", "chat", "--tokens", "1000", "--answer-tokens", "100", "--url", server.url];
    expect(await run(words, context)).toBe(0);
    const lines = context.stdout.text().split("\n");
    expect(lines[1]?.replaceAll(/ +/g, " ").trim()).toBe("1 large ready 0+0 $0.003000");
    expect(lines[2]?.replaceAll(/ +/g, " ").trim()).toBe("- gone excluded: not_served");
  });
});
