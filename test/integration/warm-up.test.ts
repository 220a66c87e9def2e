import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { z } from "zod";
import { type CacheClients, createCacheClients } from "./cache-clients.ts";
import { endAll, enginePidOf, runSluice, type SluiceProcess } from "./sluice-process.ts";

const RATE = `
id: rate
version: 1
description: Rates a text.
system: You say whether a text is good or bad.
examples: [{ user: What a lovely day., assistant: good }, { user: It broke at once., assistant: bad }]
sampling: { temperature: 0 }
maxTokens: 8
warm: [{ input: The soup was cold. }, { input: I like it. }]
`;

/** Randomly sampled, so that no answer is kept: only the preset's text can be evaluated. */
const GREET = `
id: greet
version: 1
description: Greets somebody.
system: You greet people with a short and friendly sentence that has their name in it, and nothing else.
examples:
  - { user: Anna, assistant: "Good morning, Anna, it is nice to see you again!" }
  - { user: Bob, assistant: "Hello Bob, I hope that you are having a wonderful day!" }
  - { user: Carla, assistant: "Welcome back, Carla, we have missed you a lot!" }
sampling: { temperature: 1 }
maxTokens: 8
`;

const HIT = /^sluice; hit; ttl=\d+$/;
const DONE = "the presets are warm";
const doneSchema = z.object({ answers: z.number(), prefixes: z.number() });

let folder: string;
let sluice: SluiceProcess;
let openai: OpenAI;
let anthropic: Anthropic;
/** The `cache-status` header of the last answer. */
let status: CacheClients["status"];

async function start(): Promise<void> {
  sluice = runSluice(
    ...["--model", inject("modelPath"), "--slots", "2", "--context", "512", "--state-file", join(folder, "state.db")],
    ...["--cache-file", join(folder, "answers"), "--prompts-dir", join(folder), "--warm-presets"],
  );
  ({ openai, anthropic, status } = createCacheClients(await sluice.ready));
}

/** The results of the warm-up's rounds so far. */
function rounds(): readonly z.infer<typeof doneSchema>[] {
  return sluice
    .log()
    .filter(({ msg }) => msg === DONE)
    .map((line) => doneSchema.parse(line));
}

/** The result of the next round to end. */
async function nextRound(before: number): Promise<z.infer<typeof doneSchema> | undefined> {
  await expect.poll(rounds, { timeout: 60_000 }).toHaveLength(before + 1);
  return rounds()[before];
}

const statsSchema = z.looseObject({ warm_up: z.object({ waiting: z.number(), running: z.boolean() }).loose() });

async function stats() {
  return statsSchema.parse(await (await fetch(`${await sluice.ready}/admin/cache`)).json());
}

async function warmUpState() {
  return (await stats()).warm_up;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-warm-"));
  await writeFile(join(folder, "rate.yaml"), RATE);
  await writeFile(join(folder, "greet.yaml"), GREET);
  await start();
});

afterAll(async () => {
  await endAll();
  await rm(folder, { recursive: true });
});

const INPUT = "The soup was cold.";
const model = "preset/rate";
const messages = [{ role: "user" as const, content: INPUT }];
const chat = { model, messages };
const response = { model, input: INPUT, store: false };
const message = { model, messages, max_tokens: 8 };

/** The answer's text to the same question, in each protocol. */
const CLIENTS: Readonly<Record<string, () => Promise<string | null | undefined>>> = {
  "a chat completion": async () => (await openai.chat.completions.create(chat)).choices[0]?.message.content,
  "a streamed chat completion": async () =>
    (await openai.chat.completions.stream(chat).finalChatCompletion()).choices[0]?.message.content,
  "a response": async () => (await openai.responses.create(response)).output_text,
  "a streamed response": async () => (await openai.responses.stream(response).finalResponse()).output_text,
  "a response that names the prompt": async () =>
    (await openai.responses.create({ prompt: { id: "rate" }, input: INPUT, store: false })).output_text,
  "a message": async () => textOf(await anthropic.messages.create(message)),
  "a streamed message": async () => textOf(await anthropic.messages.stream(message).finalMessage()),
};

function textOf({ content }: Anthropic.Message): string {
  return content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

describe("warm presets", () => {
  test("were warmed after the start, before any request", async () => {
    expect(await nextRound(0)).toEqual({ answers: 2, prefixes: 1 });
    expect(await stats()).toMatchObject({ entries: 2, hits: 0, misses: 0, bypassed: 0 });
    expect(await warmUpState()).toEqual({ waiting: 0, running: false, answers: 2, prefixes: 1 });
  });

  test.each(Object.keys(CLIENTS))("are answered from the cache when the first who asks sends %s", async (name) => {
    const said = await CLIENTS[name]?.();
    expect(status()).toMatch(HIT);
    const fresh = await openai.chat.completions.create(chat, { headers: { "cache-control": "no-store" } });
    expect(said).toBe(fresh.choices[0]?.message.content);
  });

  test("need little of their prompt evaluated if the answer differs each time", async () => {
    const { usage } = await openai.chat.completions.create({
      model: "preset/greet",
      messages: [{ role: "user", content: "Doris" }],
    });
    const { prompt_tokens: all = 0, prompt_tokens_details: details } = usage ?? {};
    // The last message and what the template puts around it are new.
    expect(all - (details?.cached_tokens ?? 0)).toBeLessThan(25);
    expect(all).toBeGreaterThan(100);
  });

  test("are warmed again after a change, and the others are left alone", async () => {
    const before = rounds().length;
    await writeFile(join(folder, "rate.yaml"), RATE.replace("good or bad.", "good or bad, in one word."));
    expect(await nextRound(before)).toEqual({ answers: 2, prefixes: 0 });
    await openai.chat.completions.create(chat);
    expect(status()).toMatch(HIT);
  });

  test("have their texts evaluated again when the engine was lost", async () => {
    const before = rounds().length;
    process.kill(enginePidOf(sluice), "SIGKILL");
    expect(await nextRound(before)).toEqual({ answers: 0, prefixes: 2 });
  });

  test("are not generated again after a restart with the answers in a file", async () => {
    sluice.kill("SIGTERM");
    expect((await sluice.ended).code).toBe(0);
    await start();
    expect(await nextRound(0)).toEqual({ answers: 0, prefixes: 2 });
    await openai.chat.completions.create(chat);
    expect(status()).toMatch(HIT);
  });

  test("give way to a request, which has its turn at once, and are finished later", async () => {
    const before = rounds().length;
    const long = { input: "Tell me a story.", variables: {} };
    await writeFile(
      join(folder, "tale.yaml"),
      `id: tale\nversion: 1\ndescription: Long.\nsampling: { temperature: 0 }\nmaxTokens: 300\nwarm: ${JSON.stringify([long])}\n`,
    );
    const live = { model: (await openai.models.list()).data[0]?.id ?? "", max_tokens: 4, temperature: 1 };
    for (let round = 0; round < 2; round++) {
      await expect.poll(warmUpState, { timeout: 20_000 }).toMatchObject({ waiting: 1, running: true });
      // The test needs both slots, so the warm-up must hold neither.
      const ask = (content: string) =>
        openai.chat.completions.create({ ...live, messages: [{ role: "user", content }] }).withResponse();
      const answers = await Promise.all([ask(`A ${round}`), ask(`B ${round}`)]);
      for (const { response: head } of answers) {
        expect(head.headers.get("sluice-queue-position")).toBe("0");
      }
    }
    expect(rounds()).toHaveLength(before);
    expect(await nextRound(before)).toEqual({ answers: 1, prefixes: 0 });
  });

  test("end at once with the gateway", async () => {
    await fetch(`${await sluice.ready}/admin/cache`, { method: "DELETE" });
    await fetch(`${await sluice.ready}/admin/cache/warm`, { method: "POST" });
    sluice.kill("SIGTERM");
    expect((await sluice.ended).code).toBe(0);
    expect(sluice.stderr()).not.toContain("could not be warmed");
  });
});
