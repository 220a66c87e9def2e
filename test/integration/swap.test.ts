import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { ensureModel, loadCatalogue, resolveModel } from "../../src/models/index.ts";
import { endAll, runSluice } from "./sluice-process.ts";

const SMALL = "smollm2-135m-instruct";
const OTHER = "gemma-3-270m";

let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  await ensureModel(resolveModel(OTHER, await loadCatalogue()), { modelsDir: "models" });
});
afterEach(async () => {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
});

/** A gateway with both models, which don't fit together. */
async function start(...args: string[]): Promise<string> {
  const state = [
    "--state-file",
    join(folder, "state.db"),
    "--cache-bytes",
    "0",
    "--keep-prefixes",
    "--no-list-presets",
  ];
  const models = ["--model", SMALL, "--on-demand", OTHER, "--memory", "900MiB"];
  return runSluice(...state, ...models, ...args).ready;
}

const RULES = Array.from(
  { length: 24 },
  (_, rule) => `Rule ${rule + 1}: a keeper of the lake counts ${rule * 7} boats.`,
);

const completion = z.object({
  choices: z.tuple([z.object({ text: z.string() })]),
  usage: z.object({
    prompt_tokens: z.number(),
    prompt_tokens_details: z.object({ cached_tokens: z.number() }),
  }),
});
const list = z.object({ data: z.array(z.object({ id: z.string(), state: z.string() })) });
const running = z.object({
  models: z.array(z.object({ name: z.string(), size: z.number(), expires_at: z.string() })),
});

function send(url: string, path: string, body: object): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function say(url: string, model: string, prompt: string) {
  const response = await send(url, "/v1/completions", { model, prompt, max_tokens: 12, temperature: 0 });
  const { choices, usage } = completion.parse(await response.json());
  return {
    text: choices[0].text,
    prompt: usage.prompt_tokens,
    cached: usage.prompt_tokens_details.cached_tokens,
  };
}

async function statesOf(url: string): Promise<Record<string, string>> {
  const { data } = list.parse(await (await fetch(`${url}/v1/models`)).json());
  return Object.fromEntries(data.map(({ id, state }) => [id, state]));
}

test("conversations with two models that don't fit together go on from what was evaluated before each swap", async () => {
  const url = await start();
  expect(await statesOf(url)).toEqual({ [SMALL]: "ready", [OTHER]: "unloaded" });
  const conversations = [SMALL, OTHER].map((model) => ({ model, prompt: RULES.join("\n"), asked: 0 }));
  for (let turn = 0; turn < 2; turn++) {
    for (const conversation of conversations) {
      const { model } = conversation;
      const said = await say(url, model, conversation.prompt);
      // Both sides of what is cached are whole chunks.
      if (turn > 0) expect(said.cached).toBeGreaterThan(conversation.asked - 128);
      conversation.asked = said.prompt;
      conversation.prompt += `${said.text}\nRule ${30 + turn}: a keeper`;
      expect((await statesOf(url))[model]).toBe("ready");
      expect(Object.values(await statesOf(url)).filter((state) => state === "ready")).toHaveLength(1);
    }
  }
});

test("a model is loaded once for all that wait, whose streams tell them so, and unloaded for a client that asks", async () => {
  const url = await start();
  const ask = async () => {
    const body = { model: OTHER, prompt: "The sea", max_tokens: 4, stream: true };
    return (await send(url, "/v1/completions", body)).text();
  };
  const streams = await Promise.all([ask(), ask(), ask()]);
  for (const stream of streams) expect(stream).toContain("[DONE]");
  expect(streams.some((stream) => /^: loading position=\d+ eta_ms=\d+$/m.test(stream))).toBe(true);

  const { models } = running.parse(await (await fetch(`${url}/api/ps`)).json());
  expect(models.map(({ name }) => name)).toEqual([`${OTHER}:latest`]);
  // Measured: more than its file, and less than what both would take.
  expect(models[0]?.size).toBeGreaterThan(253_113_024);
  expect(models[0]?.size).toBeLessThan(900 * 1024 ** 2);
  expect(Date.parse(models[0]?.expires_at ?? "") - Date.now()).toBeGreaterThan(240_000);

  const unloaded = await send(url, "/api/generate", { model: OTHER, keep_alive: 0 });
  expect(await unloaded.json()).toMatchObject({ done_reason: "unload" });
  await expect.poll(() => statesOf(url)).toEqual({ [SMALL]: "unloaded", [OTHER]: "unloaded" });
  expect((await fetch(`${url}/ready`)).status).toBe(200);
});

test("a model that can't fit is refused with figures, and nothing is put out for it", async () => {
  const url = await start("--per-model", `${OTHER}.context=32768`);
  const refused = await send(url, "/v1/completions", { model: OTHER, prompt: "The sea", max_tokens: 4 });
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({
    error: {
      code: "insufficient_memory",
      message: expect.stringMatching(/needs [\d.]+ GiB of memory, and .* 900 MiB/),
    },
  });
  expect(await statesOf(url)).toEqual({ [SMALL]: "ready", [OTHER]: "unloaded" });
});
