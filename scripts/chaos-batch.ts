/**
 * `npm run chaos:batch`: two gateways with the real model run the same batch of many short requests, one of them while it and its engine are
 * killed at random moments. Ends with 1 unless both have each line exactly once, with the same result.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import OpenAI, { toFile } from "openai";
import { freePort } from "../bench/peers/port.ts";
import { ensureModel, loadCatalogue, resolveModel } from "../src/models/index.ts";
import { createMortalGateway, type MortalGateway } from "./chaos/batch-gateway.ts";
import { type InputLine, randomBy, writeLines } from "./chaos/batch-lines.ts";
import { type Results, readResults, tellDifferences } from "./chaos/batch-results.ts";

const MODEL = "smollm2-135m-instruct";
const ENDPOINT = "/v1/completions";
const POLL_MS = 1_000;
const TELL_EVERY_MS = 30_000;
/** However long a start takes. */
const REACHED_WITHIN_MS = 120_000;

const whole = (text: string) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("It must be a whole number above 0.");
  return value;
};
const options = new Command("npm run chaos:batch --")
  .description("Runs a batch by two gateways at once, with kills and without, and compares the results.")
  .option("--lines <n>", "how many requests", whole, 50_000)
  .option("--every <seconds>", "the mean time between two kills", whole, 15)
  .option("--seed <n>", "of the lines and of the kills", whole, 1)
  .option("--slots <n>", "of the model", whole, 8)
  .option("--threads <n>", "of each engine", whole, 1)
  .parse()
  .opts<{ lines: number; every: number; seed: number; slots: number; threads: number }>();

const modelsDir = resolve(import.meta.dirname, "../models");
await ensureModel(resolveModel(MODEL, await loadCatalogue()), { modelsDir });
const folder = mkdtempSync(join(tmpdir(), "sluice-chaos-batch-"));
const startedMs = performance.now();
const lines = writeLines(options.lines, MODEL, randomBy(options.seed));
const ids = lines.map(({ custom_id }) => custom_id);

// So that the gateways end too.
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => process.exit(1));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

function say(text: string): void {
  process.stdout.write(`${((performance.now() - startedMs) / 1000).toFixed(0).padStart(5)} s  ${text}\n`);
}

/** What a call returns, once the gateway is there. */
async function reached<T>(call: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof OpenAI.APIError && error.status !== undefined && error.status < 500) throw error;
      if (waitedMs > REACHED_WITHIN_MS) throw error;
      await setTimeout(POLL_MS);
    }
  }
}

async function begin(client: OpenAI): Promise<string> {
  const text = lines.map((line: InputLine) => JSON.stringify({ ...line, method: "POST", url: ENDPOINT })).join("\n");
  const file = await reached(async () =>
    client.files.create({ file: await toFile(Buffer.from(text), "in.jsonl"), purpose: "batch" }),
  );
  const batch = { input_file_id: file.id, endpoint: ENDPOINT, completion_window: "24h" } as const;
  return (await reached(() => client.batches.create(batch))).id;
}

async function untilEnded(client: OpenAI, id: string, name: string): Promise<OpenAI.Batch> {
  for (let toldMs = performance.now(); ; ) {
    const batch = await reached(() => client.batches.retrieve(id));
    if (["completed", "failed", "expired", "cancelled"].includes(batch.status)) return batch;
    if (performance.now() - toldMs >= TELL_EVERY_MS) {
      toldMs += TELL_EVERY_MS;
      const { completed = 0, failed = 0 } = batch.request_counts ?? {};
      say(`${name}: ${batch.status}, ${completed + failed} of ${lines.length} lines`);
    }
    await setTimeout(POLL_MS);
  }
}

/** Kills one or both at random moments, until it is told to stop. Returns how often it killed each. */
async function killAtRandom(gateway: MortalGateway, stopped: AbortSignal) {
  const random = randomBy(options.seed + 1);
  const kills = { gateway: 0, engine: 0, both: 0 };
  for (;;) {
    // As rare events of nature come.
    await setTimeout(-Math.log(random()) * options.every * 1000, undefined, { signal: stopped }).catch(() => {});
    if (stopped.aborted) return kills;
    const what = (["gateway", "engine", "both"] as const)[Math.floor(random() * 3)] ?? "both";
    if (!gateway.kill(what)) continue;
    kills[what] += 1;
    if (what === "engine") continue;
    await gateway.ended();
    gateway.start();
  }
}

async function runBatch(name: string, isMortal: boolean): Promise<Results> {
  // The same after each start, unlike a port that the system picks.
  const port = await freePort();
  const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "none", maxRetries: 0 });
  const gateway = createMortalGateway([
    ...["--model", MODEL, "--port", String(port), "--slots", String(options.slots), "--context", "512"],
    ...["--threads", String(options.threads), "--gpu", "off"],
    ...["--models-dir", modelsDir, "--state-file", join(folder, name, "state.db"), "--no-warm-presets"],
  ]);
  const stopping = new AbortController();
  gateway.start();
  try {
    const id = await begin(client);
    const beganMs = performance.now();
    const killing = isMortal ? killAtRandom(gateway, stopping.signal) : undefined;
    const batch = await untilEnded(client, id, name);
    const seconds = (performance.now() - beganMs) / 1000;
    stopping.abort();
    const kills = await killing;
    const { completed = 0, failed = 0 } = batch.request_counts ?? {};
    say(`${name}: ${batch.status} after ${seconds.toFixed(0)} s, ${completed} completed, ${failed} failed`);
    if (kills !== undefined) {
      say(`killed: the gateway ${kills.gateway} times, its engine ${kills.engine} times, both ${kills.both} times`);
    }
    const contentOf = async (file: string | null | undefined) =>
      file == null ? "" : reached(async () => (await client.files.content(file)).text());
    return readResults(await contentOf(batch.output_file_id), await contentOf(batch.error_file_id));
  } finally {
    stopping.abort();
    gateway.kill("both");
    await gateway.ended();
  }
}

const [undisturbed, disturbed] = await Promise.all([runBatch("without kills", false), runBatch("with kills", true)]);
const faults = [
  ...undisturbed.faultsFor(ids).map((fault) => `without kills: ${fault}`),
  ...disturbed.faultsFor(ids).map((fault) => `with kills: ${fault}`),
  ...tellDifferences(undisturbed, disturbed),
];
for (const fault of faults.slice(0, 20)) say(fault);
const verdict = faults.length === 0 ? "once each, all equal" : `${faults.length} faults`;
say(`${ids.length} lines: ${disturbed.answered} answered, ${disturbed.failed} failed; ${verdict}`);
process.exitCode = faults.length === 0 ? 0 : 1;
