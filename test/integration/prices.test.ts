import { pino } from "pino";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { ensureModel, loadCatalogue, resolveModel } from "../../src/models/index.ts";

let gateway: Gateway;

// A gateway of its own, since the shared one has no prices.
beforeAll(async () => {
  const model = await ensureModel(await resolveModel(inject("modelPath"), await loadCatalogue()), {
    modelsDir: "models",
  });
  const prices = { localWatts: 50, pricePerKwh: 0.3, pricePerHour: 1 };
  const config = configSchema.parse({ ...prices, stateFile: ":memory:", cacheBytes: 0, context: 256 });
  gateway = await createGateway({ config, models: [model], logger: pino({ level: "silent" }) });
  await gateway.start();
});
afterAll(() => gateway.stop());

type Usage = { readonly cost: number; readonly energy: { readonly joules: number; readonly estimated: boolean } };

async function ask(tokens: number): Promise<Usage> {
  const answer = await gateway.app.request("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...{ messages: [{ role: "user", content: "Tell me a story." }], max_tokens: tokens, seed: 7 },
    }),
  });
  return ((await answer.json()) as { usage: Usage }).usage;
}

test("answers of a local model tell the cost of their time and the estimated energy of it", async () => {
  const begunMs = performance.now();
  const { cost, energy } = await ask(40);
  const wholeMs = performance.now() - begunMs;
  expect(energy.estimated).toBe(true);
  const computeMs = (energy.joules / 50) * 1_000;
  expect(computeMs).toBeGreaterThan(1);
  expect(computeMs).toBeLessThan(wholeMs);
  expect(cost).toBeCloseTo((energy.joules / 3.6e6) * 0.3 + computeMs / 3.6e6, 12);
});

test("answers made at the same time share the machine: together they cost no more than the time that passed", async () => {
  const begunMs = performance.now();
  const all = await Promise.all([ask(30), ask(30), ask(30), ask(30)]);
  const wholeMs = performance.now() - begunMs;
  const joules = all.reduce((sum, { energy }) => sum + energy.joules, 0);
  expect((joules / 50) * 1_000).toBeLessThan(wholeMs);
});
