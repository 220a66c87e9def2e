import { fileURLToPath } from "node:url";
import type { ProcessSpec } from "./process.ts";
import type { ServerLauncher, ServerSettings } from "./server.ts";
import type { SharedSettings } from "./settings.ts";

const entry = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** Sluice as a user starts it. `env` goes on top of the benchmark's own environment. */
export function sluiceLauncher(
  shared: SharedSettings,
  { slots, contextTokens }: ServerSettings,
  env: NodeJS.ProcessEnv = {},
): ServerLauncher {
  const args = [
    "--model",
    shared.modelPath,
    "--slots",
    String(slots),
    "--context",
    String(contextTokens),
    // A repeated prompt is to be evaluated each time.
    "--cache-bytes",
    "0",
  ];
  return {
    readyPath: "/ready",
    command: (port): ProcessSpec => ({
      command: process.execPath,
      args: [entry, "serve", "--port", String(port), ...args, "--threads", String(shared.threads), "--gpu", shared.gpu],
      env,
      logFile: shared.logFile("sluice"),
    }),
  };
}
