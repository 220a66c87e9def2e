import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { ensureModel, loadCatalogue, resolveModel } from "../../src/models/index.ts";
import { answerWith, type MockUpstream, mockUpstream } from "../fixtures/mock-upstream.ts";

let gateway: Gateway;
let large: MockUpstream;
let id = "";

// The real model in front of a scripted server: one route that trusts it, one that never does, and one that measures.
beforeAll(async () => {
  large = await mockUpstream(answerWith(["Large"]));
  const model = await ensureModel(await resolveModel(inject("modelPath"), await loadCatalogue()), {
    modelsDir: "models",
  });
  id = model.id;
  const route = (name: string, cascade: object) => ({ name, targets: [model.id, "large"], cascade });
  const config = configSchema.parse({
    upstreams: [
      { name: "there", baseUrl: large.url, models: { large: { name: "one", price: { input: 1, output: 1 } } } },
    ],
    routes: [
      route("trusting", { least: -1_000 }),
      route("doubting", { mean: 0 }),
      route("early", { mean: -1_000, decideAfter: 4 }),
    ],
    ...{ stateFile: ":memory:", cacheBytes: 0, context: 1_024, pricePerHour: 1 },
  });
  gateway = await createGateway({ config, models: [model], logger: pino({ level: "silent" }) });
  await gateway.start();
});
afterAll(async () => {
  await gateway.stop();
  await large.close();
});

async function ask(model: string, body: object = {}) {
  const response = await gateway.app.request("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...{ model, messages: [{ role: "user", content: "Name a colour." }], max_tokens: 24, seed: 1, ...body },
    }),
  });
  return { route: response.headers.get("sluice-route") ?? "", text: await response.text(), status: response.status };
}

describe("a cascade from the real model", () => {
  test("is answered by it where it is trusted, with its measured confidence", async () => {
    const { route, text } = await ask("trusting");
    expect(route).toMatch(/^"[^"]+"(;ms=\d+)?;mean=-\d+\.\d\d;least=-\d+\.\d\d, "large";spare$/);
    expect(text).not.toContain('logprob":');
    expect(JSON.parse(text).usage.cost).toBeGreaterThan(0);
  });

  test("is answered by the other where it is not, and both are paid", async () => {
    const { route, text } = await ask("doubting");
    expect(route).toMatch(/^"large", "[^"]+";failed=unsure(;ms=\d+)?;mean=/);
    const { choices, usage } = JSON.parse(text);
    expect(choices[0].message.content).toBe("Large");
    expect(usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 1 });
    expect(usage.cost).toBeGreaterThan(8e-6);
  });

  test("says the same as the model itself, whole and streamed, and streams once it is decided", async () => {
    const [alone, whole] = [await ask(id), await ask("trusting")];
    const said = JSON.parse(whole.text).choices[0].message.content;
    expect(said).toBe(JSON.parse(alone.text).choices[0].message.content);
    const { text } = await ask("early", { stream: true });
    const pieces = [...text.matchAll(/^data: (\{.*)$/gm)].map(
      ([, json = ""]) => JSON.parse(json).choices[0]?.delta.content,
    );
    expect(pieces.filter((piece) => piece !== undefined).join("")).toBe(said);
  });

  test("decides by the values of JSON, and by calls", async () => {
    const schema = { type: "object", properties: { colour: { enum: ["red", "blue"] } }, required: ["colour"] };
    const format = { type: "json_schema", json_schema: { name: "answer", schema } };
    const json = await ask("trusting", { response_format: format });
    expect(JSON.parse(JSON.parse(json.text).choices[0].message.content).colour).toMatch(/^(red|blue)$/);
    expect(json.route).toMatch(/mean=-\d/);
    const tools = [{ type: "function", function: { name: "pick", parameters: schema } }];
    const call = await ask("trusting", { tools, tool_choice: "required", max_tokens: 60 });
    expect(JSON.parse(call.text).choices[0].message.tool_calls[0].function.name).toBe("pick");
    expect(call.route).toMatch(/mean=-\d/);
  });
});
