import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { announcedUrl } from "../../scripts/clients/kit/process.ts";
import { ensureModel, loadCatalogue, resolveModel } from "../../src/models/index.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The base URL of the gateway that all integration tests share. */
    gatewayUrl: string;
    /** How many sequences it runs at once. */
    gatewaySlots: number;
    /** Its log, one JSON object per line. */
    gatewayLog: string;
    /** The path of its model. */
    modelPath: string;
  }
}

/** Tokens in each of the shared gateway's slots: few, so that a test can fill one. */
const CONTEXT_TOKENS = 1024;
const SLOTS = 4;

/** Downloads the default model if it is missing, and starts the gateway that all integration tests share. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const catalogue = await loadCatalogue();
  const model = await ensureModel(await resolveModel("smollm2-135m-instruct", catalogue), { modelsDir: "models" });

  const folder = await mkdtemp(join(tmpdir(), "sluice-integration-"));
  const logFile = join(folder, "gateway.log");
  const gateway = spawn(
    process.execPath,
    [
      "src/main.ts",
      "--port",
      "0",
      "--slots",
      String(SLOTS),
      "--context",
      String(CONTEXT_TOKENS),
      "--state-file",
      join(folder, "state.db"),
      // No cache, so that a repeated request is generated again. cache.test.ts has its own gateway.
      "--cache-bytes",
      "0",
      "--no-warm-presets",
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  gateway.stderr.pipe(createWriteStream(logFile));
  const url = await announcedUrl(gateway.stdout);

  project.provide("gatewayUrl", url);
  project.provide("gatewaySlots", SLOTS);
  project.provide("gatewayLog", logFile);
  project.provide("modelPath", model.path);
  return async () => {
    gateway.kill("SIGTERM");
    const [exitCode] = await once(gateway, "exit");
    await rm(folder, { recursive: true });
    if (exitCode !== 0) throw new Error(`the gateway ended with exit code ${exitCode}`);
  };
}
