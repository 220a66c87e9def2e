import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { ensureModel, loadCatalogue, resolveModel } from "../../src/models/index.ts";
import { openKeyState } from "../../src/store/state.ts";
import { answerWith, type MockUpstream, mockUpstream } from "../fixtures/mock-upstream.ts";

let gateway: Gateway;
let large: MockUpstream;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-shadow-"));
  large = await mockUpstream(answerWith(["Paris", "."]));
  const model = await ensureModel(await resolveModel(inject("modelPath"), await loadCatalogue()), {
    modelsDir: "models",
  });
  const config = configSchema.parse({
    upstreams: [
      { name: "there", baseUrl: large.url, models: { large: { name: "one", price: { input: 1, output: 1 } } } },
    ],
    ...{ stateFile: join(folder, "state.db"), context: 512, warmPresets: false },
    ...{ shadowModel: model.id, shadowShare: 1, shadowKeepTexts: true },
  });
  gateway = await createGateway({ config, models: [model], logger: pino({ level: "silent" }) });
  await gateway.start();
});
afterAll(async () => {
  await gateway.stop();
  await large.close();
  rmSync(folder, { recursive: true });
});

test("the real model answers what an upstream has answered, once the gateway is idle", async () => {
  const body = { model: "large", messages: [{ role: "user", content: "Name a city." }], max_tokens: 8 };
  const answer = await gateway.app.request("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(await answer.text()).toContain("Paris.");
  const state = openKeyState(join(folder, "state.db"));
  const rows = await vi.waitFor(
    () => {
      const found = state.shadows.exists() ? state.shadows.list({}) : [];
      expect(found).toHaveLength(1);
      return found;
    },
    { timeout: 30_000, interval: 100 },
  );
  state.close();
  const [row] = rows;
  expect(row).toMatchObject({
    model: "large",
    costNanos: 9_000,
    texts: { question: "Name a city.", theirs: "Paris." },
  });
  expect(row?.texts?.ours).not.toBe("");
  expect(row?.least).toBeLessThanOrEqual(row?.mean ?? 0);
});
