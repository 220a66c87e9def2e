import { fileURLToPath } from "node:url";
import type { ProcessSpec } from "./process.ts";
import type { ServerLauncher, ServerSettings } from "./server.ts";
import type { SharedSettings } from "./settings.ts";

const entry = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export type SluiceOptions = {
  /** Goes on top of the benchmark's own environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Where `env` makes it ask for one. */
  readonly apiKey?: string;
};

/** Sluice as a user starts it. */
export function sluiceLauncher(
  shared: SharedSettings,
  { slots, contextTokens }: ServerSettings,
  { env = {}, apiKey }: SluiceOptions = {},
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
    "--no-warm-presets",
  ];
  return {
    readyPath: "/ready",
    ...(apiKey !== undefined && { apiKey }),
    command: (port): ProcessSpec => ({
      command: process.execPath,
      args: [entry, "serve", "--port", String(port), ...args, "--threads", String(shared.threads), "--gpu", shared.gpu],
      env,
      logFile: shared.logFile("sluice"),
    }),
  };
}
