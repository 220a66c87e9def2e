import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { answerWith, json, type MockUpstream, mockUpstream } from "../fixtures/mock-upstream.ts";
import { withRedis } from "../fixtures/redis-client.ts";
import { redisOfTests } from "../fixtures/redis-server.ts";

const redis = redisOfTests();
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function openGateway(servers: readonly MockUpstream[]): Promise<Gateway> {
  const upstreams = servers.map(({ url }, at) => ({ name: `u${at}`, baseUrl: url, models: { [`m${at}`]: "one" } }));
  const routes = [{ name: "chat", targets: servers.map((_, at) => ({ model: `m${at}`, weight: 1 })) }];
  const config = configSchema.parse({
    ...{ model: [], stateFile: ":memory:", listPresets: false, upstreams, routes },
    ...{ redisUrl: redis().url, redisShares: ["sessions"], redisTimeoutMs: 5_000 },
  });
  const gateway = await createGateway({ config, models: [], logger: pino({ level: "silent" }) });
  ends.push(gateway.stop);
  await gateway.start();
  return gateway;
}

/** Returns the target that answered. */
async function ask({ app }: Gateway, session: string): Promise<string> {
  const answer = await app.request("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", "sluice-session": session },
    body: JSON.stringify({ model: "chat", messages: [{ role: "user", content: "Hi" }] }),
  });
  return String(Object(await answer.json()).model);
}

describe("gateways that share sessions in Redis", () => {
  it("send a session that has left its target to where its prefix is, whichever of them it comes to", async () => {
    const servers = await Promise.all(Array.from({ length: 4 }, () => mockUpstream(answerWith(["Hello"]))));
    for (const { close } of servers) ends.push(close);
    const [a, b] = [await openGateway(servers), await openGateway(servers)];
    const first = await ask(a, "s");
    // The draw is the same everywhere, so nothing need be shared for that.
    expect(await ask(b, "s")).toBe(first);
    expect(await withRedis(redis().url, (client) => client.keys("sluice:session:*"))).toEqual([]);

    const at = Number(first.slice(1));
    servers[at]?.behave((response, heard) => {
      if (heard.method === "GET") json(response, 200, { data: [] });
      else response.destroy();
    });
    const second = await ask(a, "s");
    expect(second).not.toBe(first);
    await expect.poll(() => withRedis(redis().url, (client) => client.keys("sluice:session:*"))).toHaveLength(1);
    servers[at]?.behave(answerWith(["Hello"]));
    // The first one is well again, and the prefix is at the second.
    expect(await ask(b, "s")).toBe(second);
    expect(await ask(a, "s")).toBe(second);
    // Other sessions stay where they were.
    expect(await ask(b, "t")).toBe(await ask(a, "t"));
  });

  it("work as before while Redis is gone", async () => {
    const servers = await Promise.all(Array.from({ length: 2 }, () => mockUpstream(answerWith(["Hello"]))));
    for (const { close } of servers) ends.push(close);
    const gateway = await openGateway(servers);
    const before = await ask(gateway, "s");
    await redis().kill();
    expect(await ask(gateway, "s")).toBe(before);
  });
});
