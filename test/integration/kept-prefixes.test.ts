import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, onTestFinished, test } from "vitest";
import type { EngineOptions } from "../../src/engine/contract/messages.ts";
import { createEngine, type Engine } from "../../src/engine/host/engine.ts";
import { silentLogger } from "../engine/host/helpers.ts";
import { greedyRequest } from "./engine.ts";
import { endAll, enginePidOf, isAlive, runSluice, type SluiceProcess } from "./sluice-process.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
});
afterEach(async () => {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
});

const RULES = Array.from(
  { length: 24 },
  (_, rule) => `Rule ${rule + 1}: a keeper of the lake counts ${rule * 7 + 3} boats.`,
);
const PROMPT = `These are the rules of the lake.\n${RULES.join("\n")}\nThe first rule says that a keeper`;
const MORE = `${PROMPT} counts three boats. The second rule says that a keeper`;

type Said = { text: string; cached: number; prompt: number };

async function say(engine: Engine, text: string): Promise<Said> {
  const said: Said = { text: "", cached: -1, prompt: 0 };
  for await (const event of engine.generate(greedyRequest({ prompt: { type: "text", text }, maxTokens: 12 }))) {
    if (event.type === "started") {
      said.cached = event.cachedTokens ?? -1;
      said.prompt = event.promptTokens ?? 0;
    } else if (event.type === "text") said.text += event.text;
  }
  return said;
}

/** An engine that keeps its prefixes in the test's folder. */
function openEngine(given: Partial<EngineOptions> = {}, keptIn: string | undefined = join(folder, "lake")): Engine {
  const modelPath = given.modelPath ?? inject("modelPath");
  const engine = createEngine({
    options: {
      ...{ modelPath, slots: 2, contextTokens: 1024, threads: "auto", gpu: "off", flashAttention: "auto" },
      ...{ prefillPauseMs: 50, prefillShare: 1, prefillChunkTokens: 64, prefixStoreBytes: 1e9, drafts: "off" },
      ...(keptIn !== undefined && {
        keptPrefixes: { folder: keptIn, modelPaths: [modelPath], maxAgeMs: 1e9 },
      }),
      ...given,
    },
    logger: silentLogger,
  });
  onTestFinished(() => engine.stop());
  return engine;
}

function keptFiles(parent = join(folder, "lake")): string[] {
  return readdirSync(parent, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".kv"))
    .map((name) => join(parent, name));
}

async function undisturbed(text: string): Promise<Said> {
  const engine = openEngine({ prefixStoreBytes: 0 });
  const said = await say(engine, text);
  await engine.stop();
  return said;
}

test("a conversation goes on from a file after its model was unloaded, with the same answer", async () => {
  const expected = await undisturbed(MORE);
  const engine = openEngine();
  const first = await say(engine, PROMPT);
  expect(first.cached).toBe(0);
  await engine.unload();
  const [file = ""] = keptFiles();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(file, "..")).mode & 0o777).toBe(0o700);

  const again = await say(engine, MORE);
  expect(again.cached).toBeGreaterThan(first.prompt - 128);
  expect(again.text).toBe(expected.text);
});

test("a file that was cut, changed or belongs to another model is removed, and its prompt is evaluated again", async () => {
  const engine = openEngine();
  const first = await say(engine, PROMPT);
  const damages: ((path: string) => void)[] = [
    (path) => truncateSync(path, statSync(path).size - 1),
    (path) => truncateSync(path, 1000),
    (path) => truncateSync(path, 0),
    (path) => flip(path, 5),
    (path) => flip(path, Math.floor(statSync(path).size / 2)),
    (path) => flip(path, statSync(path).size - 3),
    (path) => writeFileSync(path, "not a state"),
  ];
  for (const damage of damages) {
    await engine.unload();
    const before = keptFiles();
    expect(before).toHaveLength(1);
    for (const path of before) damage(path);
    const { pid } = engine;
    const again = await say(engine, PROMPT);
    expect(again).toEqual(first);
    expect(pid).toBeUndefined();
    for (const path of before) expect(keptFiles()).not.toContain(path);
  }
});

test("another context, or a model replaced under the same name, finds no prefix", async () => {
  const modelPath = join(folder, "model.gguf");
  copyFileSync(inject("modelPath"), modelPath);
  const first = openEngine({ modelPath });
  await say(first, PROMPT);
  await first.stop();
  const other = openEngine({ modelPath, contextTokens: 2048 });
  expect((await say(other, PROMPT)).cached).toBe(0);
  await other.stop();

  const { atime, mtime } = statSync(modelPath);
  const bytes = readFileSync(modelPath);
  // One weight of the last tensor.
  bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
  writeFileSync(modelPath, bytes);
  utimesSync(modelPath, atime, mtime);
  const replaced = openEngine({ modelPath });
  expect((await say(replaced, PROMPT)).cached).toBe(0);
});

test("two engines on one folder use each other's prefixes", async () => {
  const [writer, reader] = [openEngine(), openEngine()];
  await reader.start();
  const first = await say(writer, PROMPT);
  await writer.unload();
  const again = await say(reader, PROMPT);
  expect(again.text).toBe(first.text);
  expect(again.cached).toBeGreaterThan(first.prompt - 128);
});

test("a disk without space costs the prefixes and nothing else", async () => {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  const isMounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]).status === 0;
  // Where nothing can be mounted, a folder that can't be made stands for it.
  const keptIn = join(disk, "lake");
  if (!isMounted) writeFileSync(keptIn, "");
  try {
    const engine = openEngine({}, keptIn);
    const first = await say(engine, PROMPT);
    await engine.unload();
    expect(await say(engine, PROMPT)).toEqual(first);
    await engine.stop();
    if (isMounted) expect(keptFiles(keptIn)).toEqual([]);
  } finally {
    if (isMounted) spawnSync("umount", [disk]);
  }
});

async function ask(url: string, prompt: string): Promise<{ text: string; cached: number; prompt: number }> {
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "sluice-cache": "no-store" },
    body: JSON.stringify({ model: "smollm2-135m-instruct", prompt, max_tokens: 12, temperature: 0 }),
  });
  const { choices, usage } = (await response.json()) as {
    choices: [{ text: string }];
    usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
  };
  return {
    text: choices[0].text,
    cached: usage.prompt_tokens_details.cached_tokens,
    prompt: usage.prompt_tokens,
  };
}

function start(): SluiceProcess {
  return runSluice("--state-file", join(folder, "state.db"), "--cache-bytes", "0", "--keep-prefixes");
}

test.each(["SIGTERM", "SIGKILL"] as const)(
  "a gateway ended by %s goes on after its restart from what its engine held",
  async (signal) => {
    const sluice = start();
    const url = await sluice.ready;
    const first = await ask(url, PROMPT);
    const expected = await ask(url, MORE);
    const enginePid = enginePidOf(sluice);
    sluice.kill(signal);
    await sluice.ended;
    await expect.poll(() => isAlive(enginePid), { timeout: 10_000 }).toBe(false);
    const again = await ask(await start().ready, MORE);
    expect(again.cached).toBeGreaterThan(first.prompt - 128);
    expect(again.text).toBe(expected.text);
  },
);

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
