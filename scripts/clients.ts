/**
 * `npm run clients -- codex aider`: starts a gateway and runs the scripts of these clients (by default of all) one after the other. Prints a
 * line of JSON for each trial, and finally a row of `docs/clients.md` for each client.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { Argument, Command } from "commander";
import { ensureModel, loadCatalogue, resolveModel } from "../src/models/index.ts";
import { announcedUrl } from "./clients/kit/process.ts";
import { THINGS, type ThingResult } from "./clients/kit/things.ts";

const FOLDER = join(import.meta.dirname, "clients");
const KEY = "sk-sluice-clients-trial";
const CLIENT_WITHIN_MS = 45 * 60_000;

/**
 * Ends answers after the first sentence. A small model seldom ends its answer by itself, and agents repeat requests whose answer was cut by
 * its length, or report an error.
 */
const PRESET = `
id: brief
version: 1
description: Ends an answer with its first sentence.
sampling: { temperature: 0.7, stop: [".", "!", "?", ",", ":", ";", ">", "/"] }
maxTokens: 64
`;

const names = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".ts"))
  .map((file) => basename(file, ".ts"));
const program = new Command("npm run clients --")
  .description("Tries clients with a gateway that is started for it.")
  .addArgument(new Argument("[client...]", "which; all unless given").choices(names))
  .option(
    "--model <name>",
    "the model to serve: gemma-3-270m reads the long prompts of agents in bearable time",
    "gemma-3-270m",
  )
  .option("--context <tokens>", "for each slot", Number, 32_768)
  .option("--timeout <seconds>", "for each thing", Number, 240)
  .option("--only <thing...>", `of ${THINGS.join(", ")}`)
  .parse();
const options = program.opts<{ model: string; context: number; timeout: number; only?: string[] }>();

const modelFile = await ensureModel(resolveModel(options.model, await loadCatalogue()), { modelsDir: "models" });

const folder = await mkdtemp(join(tmpdir(), "sluice-clients-"));
const prompts = join(folder, "prompts");
await mkdir(prompts);
await writeFile(join(prompts, "brief.yaml"), PRESET);
const gateway = spawn(
  process.execPath,
  [
    ...["src/main.ts", "serve", "--port", "0", "--model", options.model, "--slots", "2"],
    ...["--context", String(options.context), "--max-wait-ms", "900000", "--no-warm-presets", "--cache-bytes", "0"],
    ...["--state-file", join(folder, "state.db"), "--prompts-dir", prompts, "--log-level", "warn"],
  ],
  { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, SLUICE_API_KEY: KEY } },
);
process.once("exit", () => gateway.kill());
try {
  const url = await announcedUrl(gateway.stdout);
  const model = await firstModel(url);
  const results: ThingResult[] = [];
  for (const name of program.args.length > 0 ? program.args : names)
    results.push(...(await runScript(name, url, model)));
  process.stdout.write(`\n${tabulate(results)}\n`);
} finally {
  gateway.kill("SIGTERM");
  if (gateway.exitCode === null) await once(gateway, "exit");
  await rm(folder, { recursive: true, force: true });
}

/** Runs one client's script and forwards its output. */
async function runScript(name: string, url: string, model: string): Promise<readonly ThingResult[]> {
  const args = [
    ...[join(FOLDER, `${name}.ts`), "--url", url, "--key", KEY, "--model", "preset/brief", "--calling-model", model],
    ...["--model-file", modelFile.path],
    ...["--context", String(options.context), "--timeout", String(options.timeout)],
    ...(options.only ? ["--only", ...options.only] : []),
  ];
  const script = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], timeout: CLIENT_WITHIN_MS });
  const results: ThingResult[] = [];
  for await (const line of createInterface(script.stdout)) {
    process.stdout.write(`${line}\n`);
    results.push(JSON.parse(line) as ThingResult);
  }
  return results;
}

async function firstModel(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${KEY}` } });
  const { data } = (await response.json()) as { readonly data: readonly { readonly id: string }[] };
  if (data[0] === undefined) throw new Error("the gateway has no model");
  return data[0].id;
}

/** A row for each client: `works`, `fails`, or `–` for what it doesn't offer. */
function tabulate(results: readonly ThingResult[]): string {
  const rows = [...new Set(results.map(({ client }) => client))].map((client) => {
    const own = results.filter((result) => result.client === client);
    const cells = THINGS.map((thing) => own.find((result) => result.thing === thing)?.result ?? "");
    return [client, own[0]?.version ?? "", ...cells.map((cell) => (cell === "not offered" ? "–" : cell))];
  });
  const lines = [["client", "version", ...THINGS], ["---", ...THINGS.map(() => "---"), "---"], ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
