import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { answerWith, begin, chunk, json, type MockUpstream, mockUpstream, send } from "../fixtures/mock-upstream.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function server(...args: Parameters<typeof mockUpstream>): Promise<MockUpstream> {
  const mock = await mockUpstream(...args);
  ends.push(mock.close);
  return mock;
}

/** A whole gateway without a model of its own, in front of these servers, each with a model of its name. */
async function gatewayFor(
  servers: Readonly<Record<string, MockUpstream>>,
  routes: string,
  more = "",
  kinds: Readonly<Record<string, string>> = {},
): Promise<Gateway> {
  const upstreams = Object.entries(servers).map(
    ([name, { url }]) =>
      `  ${name}: { baseUrl: "${url}", models: { ${name}: one }, cache: true, local: ${name === "near"}, kind: ${kinds[name] ?? "generic"} }`,
  );
  const text = `upstreams:\n${upstreams.join("\n")}\nroutes:\n${routes}\nstateFile: ":memory:"\nwarmPresets: false\n${more}`;
  const { config } = loadConfig({
    ...{ flags: { config: "sluice.yaml" }, env: {}, cwd: "/nowhere" },
    readFile: () => new TextEncoder().encode(text),
  });
  const logger = pino({ level: "silent" });
  const gateway = await createGateway({ config, models: [], logger });
  ends.push(gateway.stop);
  await gateway.start();
  return gateway;
}

async function ask({ app }: Gateway, body: object = {}, headers: Readonly<Record<string, string>> = {}) {
  const answer = await app.request("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "chat", messages: [{ role: "user", content: "Hi" }], temperature: 0, ...body }),
  });
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
}

describe("a gateway with routes over other servers", () => {
  it("asks the next server when the first answers 500 or 429, and says so", async () => {
    for (const status of [500, 429]) {
      const far = await server((response, { method }) => {
        json(response, method === "GET" ? 200 : status, { data: [], error: { message: "no" } }, { "retry-after": "0" });
      });
      const near = await server(answerWith(["Near"]));
      const gateway = await gatewayFor({ far, near }, "  chat: [far, near]");
      const { status: got, headers, body } = await ask(gateway);
      expect(got).toBe(200);
      expect(JSON.parse(body)).toMatchObject({ model: "near", choices: [{ message: { content: "Near" } }] });
      expect(headers.get("sluice-route")).toMatch(new RegExp(`^"near".*, "far";failed=status_${status}`));
    }
  });

  it("asks the next server when a stream ends before its first token", async () => {
    const far = await server((response, { method }) => {
      if (method === "GET") json(response, 200, { data: [] });
      else response.destroy();
    });
    const gateway = await gatewayFor({ far, near: await server(answerWith(["Near"])) }, "  chat: [far, near]");
    const { body } = await ask(gateway, { stream: true });
    expect(body).toContain('"model":"near"');
    expect(body).toContain("Near");
    expect(body).not.toContain('"error"');
  });

  it("keeps answers under the server that gave them, and repeats them for the route", async () => {
    const [far, near] = [await server(answerWith(["Far"])), await server(answerWith(["Near"]))];
    const gateway = await gatewayFor({ far, near }, "  chat: [far]\n  other: [near]");
    expect((await ask(gateway)).headers.get("cache-status")).toContain("fwd=miss; stored");
    const again = await ask(gateway);
    expect(again.headers.get("cache-status")).toContain("hit");
    expect(JSON.parse(again.body)).toMatchObject({ model: "far", choices: [{ message: { content: "Far" } }] });
    expect(JSON.parse((await ask(gateway, { model: "other" })).body)).toMatchObject({ model: "near" });
    expect(far.posts().length).toBe(1);
  });

  it("sends nothing to a server that is not local if the request must stay", async () => {
    const [far, near] = [await server(), await server(answerWith(["Near"]))];
    const gateway = await gatewayFor({ far, near }, "  chat: [far, near]\n  away: [far]");
    const stay = { "sluice-local-only": "1" };
    expect(JSON.parse((await ask(gateway, {}, stay)).body)).toMatchObject({ model: "near" });
    const { body, headers, status } = await ask(gateway, { model: "away" }, stay);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(JSON.parse(body)).toMatchObject({ error: { code: "local_only" } });
    expect(headers.get("sluice-route")).toBe('"far";excluded=local_only');
    expect(far.posts()).toEqual([]);
  });

  it("asks a second server when the first is slow, and leaves the slow one", async () => {
    const left = Promise.withResolvers<void>();
    const far = await server((response, { method }) => {
      if (method === "GET") return json(response, 200, { data: [] });
      response.on("close", () => left.resolve());
    });
    const routes = "  chat: { targets: [far, near], hedge: { after: 20ms, class: [default] } }";
    const gateway = await gatewayFor({ far, near: await server(answerWith(["Near"])) }, routes);
    const { headers, body } = await ask(gateway);
    expect(JSON.parse(body)).toMatchObject({ model: "near" });
    expect(headers.get("sluice-route")).toMatch(/^"near".*, "far";failed=slower/);
    await left.promise;
  });

  it("has another server continue what breaks off, if its kind can", async () => {
    const far = await server((response, { method }) => {
      if (method === "GET") return json(response, 200, { data: [] });
      begin(response);
      send(response, chunk({ delta: { content: "Hello" } }));
      // What was sent arrives, and the end does not.
      response.socket?.end();
    });
    const [unable, near] = [await server(answerWith(["No"])), await server(answerWith([" there"]))];
    const routes = "  chat: { targets: [far, unable, near], continue: true }";
    const gateway = await gatewayFor({ far, unable, near }, routes, "", { near: "vllm" });
    const { body } = await ask(gateway, { stream: true });
    const texts = [...body.matchAll(/"content":"([^"]*)"/g)].map(([, text]) => text);
    expect(texts.join("")).toBe("Hello there");
    expect(body).toContain(': sluice-continued "near"');
    expect(unable.posts()).toEqual([]);
    expect(JSON.stringify(near.posts())).toContain("continue_final_message");
  });

  it("lowers the length of an answer to the limit of the target that is asked", async () => {
    const near = await server(answerWith(["Near"]));
    const gateway = await gatewayFor({ near }, "  chat: [near]", "maxTokensLimit: { near: 5 }");
    await ask(gateway, { max_tokens: 100 });
    const [sent] = near.posts();
    expect(JSON.stringify(sent)).toMatch(/max_(completion_)?tokens\\?":5\b/);
  });
});
