import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { readPairs } from "../cache/semantic/pairs.ts";
import type { Completion } from "./client.ts";
import { endAll, runSluice, type SluiceProcess } from "./sluice-process.ts";

const PRESET = `
version: 1
description: Answers a question.
system: You answer in a few words.
sampling: { temperature: 0 }
maxTokens: 1
`;
const AT_ONCE = 4;

let folder: string;
let sluice: SluiceProcess;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-semantic-"));
  const write = (id: string, semantic: string) =>
    writeFile(join(folder, `${id}.yaml`), `id: ${id}\n${PRESET}cache: { semantic: ${semantic} }\n`);
  await write("doubtful", "{ timeoutMs: 60000 }");
  await write("trusting", "{ minSimilarity: 0.8, minAgreement: 0, timeoutMs: 60000 }");
  sluice = runSluice(
    ...["--model", inject("modelPath"), "--slots", String(AT_ONCE), "--context", "1024"],
    ...["--state-file", join(folder, "state.db"), "--prompts-dir", folder],
  );
  url = await sluice.ready;
});

afterAll(async () => {
  await endAll();
  await rm(folder, { recursive: true });
});

async function ask(preset: string, content: string) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: `preset/${preset}`, messages: [{ role: "user", content }] }),
  });
  if (response.status !== 200) throw new Error(await response.text());
  const completion = (await response.json()) as Completion;
  return { status: response.headers.get("cache-status") ?? "", completion };
}

describe("the answer to another text", () => {
  test("is never given to any of the tricky texts, whichever were asked before", async () => {
    const texts = (["tuned", "held-out"] as const).flatMap((set) =>
      readPairs(set).differ.flatMap(([, pairs]) => pairs.flat()),
    );
    const waiting = [...new Set(texts)];
    const wrong: string[] = [];
    async function askOn(): Promise<void> {
      for (let text = waiting.pop(); text !== undefined; text = waiting.pop()) {
        const { status } = await ask("doubtful", text);
        if (!status.includes("fwd=miss")) wrong.push(`${text}: ${status}`);
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, askOn));
    expect(wrong).toEqual([]);
  }, 600_000);

  test("is given to a text that asks for the same, at no cost, and is marked, logged and counted", async () => {
    const first = await ask("trusting", "How do I bake a cake?");
    expect(first.status).toMatch(/^sluice; fwd=miss; stored/);
    const again = await ask("trusting", "Hello! How can I bake a cake, please?");
    expect(again.status).toMatch(/^sluice; hit; ttl=\d+; detail=SEMANTIC$/);
    expect(again.completion.choices).toEqual(first.completion.choices);
    const { prompt_tokens_details: details, prompt_tokens: promptTokens } = again.completion.usage;
    expect(details.cached_tokens).toBe(promptTokens);
    expect(await (await fetch(`${url}/admin/cache`)).json()).toMatchObject({ hits: 1, semantic_hits: 1 });
    await sluice.says('"cache":"hit semantic"');
  });

  test("does not wait for a missing model", async () => {
    const content = (word: string) => `${word} do I grow beans?`;
    await writeFile(
      join(folder, "lonely.yaml"),
      `id: lonely\n${PRESET}cache: { semantic: { model: nobody, minAgreement: 0 } }\n`,
    );
    await sluice.says('"preset":"lonely"');
    await ask("lonely", content("How"));
    expect((await ask("lonely", `Hi! ${content("How")}`)).status).toMatch(/^sluice; fwd=miss; stored/);
    await sluice.says("no model could tell whether two requests are alike");
  });
});
