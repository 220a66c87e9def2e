import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { readMetrics } from "../fixtures/read-metrics.ts";
import { user } from "./client.ts";
import { endAll, runSluice } from "./sluice-process.ts";

const usage = z.object({
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }),
});

let folder: string;
let url: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  const sluice = runSluice("--slots", "2", "--context", "512", "--state-file", join(folder, "state.db"));
  url = await sluice.ready;
});
afterAll(async () => {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(question: string, maxTokens: number) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages: user(question), max_tokens: maxTokens, temperature: 1 }),
  });
  return usage.parse(await response.json()).usage;
}

async function readAll() {
  const { samples } = readMetrics(await (await fetch(`${url}/metrics`)).text());
  return (name: string, labels: Readonly<Record<string, string>> = {}) =>
    samples
      .filter((sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0);
}

test("a real gateway's metrics are those of what the real model has done", async () => {
  const used = await Promise.all([ask("Tell me of a river.", 20), ask("Tell me of a mountain and a lake.", 12)]);
  used.push(await ask("Tell me of a river.", 6));
  const completion = used.reduce((sum, { completion_tokens }) => sum + completion_tokens, 0);
  const prompt = used.reduce((sum, { prompt_tokens }) => sum + prompt_tokens, 0);
  const read = await readAll();
  expect(read("sluice_completion_tokens_total")).toBe(completion);
  expect(read("sluice_decode_tokens_total")).toBe(completion);
  expect(read("sluice_prefill_tokens_total") + read("sluice_cached_tokens_total")).toBe(prompt);
  expect(read("sluice_prefill_seconds_count")).toBe(3);
  expect(read("sluice_model_loads_total", { outcome: "loaded" })).toBe(1);
  expect(read("sluice_model_memory_bytes")).toBeGreaterThan(50e6);
  // The engine's process tells of its steps twice a second.
  await vi.waitFor(
    async () => {
      const now = await readAll();
      // The first token of each comes with the end of its prompt.
      expect(now("sluice_inter_token_seconds_count")).toBe(completion - 3);
      expect(now("sluice_step_sequences_sum")).toBe(completion - 3);
      expect(now("sluice_step_seconds_count", { phase: "decode" })).toBeLessThan(completion - 3);
      expect(now("sluice_step_seconds_sum", { phase: "decode" })).toBeLessThanOrEqual(now("sluice_decode_seconds_sum"));
      expect(now("sluice_reused_tokens_total", { from: "slot" })).toBe(now("sluice_cached_tokens_total"));
    },
    { timeout: 5_000 },
  );
});
