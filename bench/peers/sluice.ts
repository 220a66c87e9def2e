import { fileURLToPath } from "node:url";
import type { ProcessSpec } from "./process.ts";
import type { ServerLauncher, ServerSettings } from "./server.ts";
import type { SharedSettings } from "./settings.ts";

const entry = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export type SluiceOptions = {
  /** Added to the benchmark's own environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Where `env` makes it ask for one. */
  readonly apiKey?: string;
  /** More of its flags. */
  readonly args?: readonly string[];
  /** Whether it may answer a repeated prompt from its cache; otherwise each is evaluated. */
  readonly caches?: boolean;
};

/** Sluice as a user starts it. */
export function sluiceLauncher(
  shared: SharedSettings,
  { slots, contextTokens }: ServerSettings,
  { env = {}, apiKey, args: more = [], caches = false }: SluiceOptions = {},
): ServerLauncher {
  const args = [
    "--model",
    shared.modelPath,
    "--slots",
    String(slots),
    "--context",
    String(contextTokens),
    "--no-warm-presets",
    ...(caches ? [] : ["--cache-bytes", "0"]),
    ...more,
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
