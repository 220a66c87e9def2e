import { existsSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { type Flags, loadConfig } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { CommandError } from "../errors.ts";
import { findClosed } from "./files.ts";
import { launchd } from "./launchd.ts";
import type { Machine } from "./machine.ts";
import type { Manager, Scope, Service } from "./service.ts";
import { STATE_FOLDER, systemd } from "./systemd.ts";

/** Beyond the time that the gateway gives itself to stop. */
const STOP_RESERVE_SECONDS = 10;

const SYSTEM_SETTINGS = "/etc/sluice/sluice.yaml";

/** The scope that the flags name; the user's own if they name none. Throws a CommandError if they name both. */
export function scopeOf({ user, system }: Flags): Scope {
  if (user === true && system === true) throw new CommandError("--user and --system can't be given together.");
  return system === true ? "system" : "user";
}

/** Throws a CommandError on a system without a manager that is known here. */
export function managerOf(scope: Scope, { platform, home, userId }: Machine, env: NodeJS.ProcessEnv): Manager {
  if (platform === "linux") return systemd(scope, env.XDG_CONFIG_HOME || join(home, ".config"));
  if (platform === "darwin") return launchd(scope, home, userId);
  throw new CommandError(
    platform === "win32"
      ? "On Windows a service is set up by hand: docs/service.md has the commands."
      : `There is no service for ${platform} here. Have its own manager start this: sluice serve`,
  );
}

/**
 * Says what the service runs, by the settings that it will have. Throws a ConfigError for these, and a CommandError for a program that a
 * service can't run.
 */
export async function planService(
  scope: Scope,
  flags: Flags,
  { env, cwd }: Pick<CliContext, "env" | "cwd">,
  { platform, home, program, groups }: Machine,
): Promise<Service> {
  const [node, main] = program;
  if (main.includes(`${sep}_npx${sep}`)) {
    throw new CommandError(
      "npx keeps Sluice in a cache that it may clear. Install it first: npm install -g sluice-gateway. Then: sluice service install",
    );
  }
  const isMac = platform === "darwin";
  const named = typeof flags.folder === "string" ? resolve(cwd, flags.folder) : undefined;
  const folder = named ?? (scope === "user" ? cwd : isMac ? "/usr/local/var/sluice" : STATE_FOLDER);
  if (scope === "system" && !isMac && named !== undefined && named !== STATE_FOLDER) {
    throw new CommandError(
      `A system service writes to ${STATE_FOLDER} only, so --folder can't be given with --system.`,
    );
  }
  const isDefault = scope === "system" && existsSync(SYSTEM_SETTINGS);
  const file = typeof flags.config === "string" ? resolve(cwd, flags.config) : isDefault ? SYSTEM_SETTINGS : undefined;
  for (const path of [folder, node, main, ...(file === undefined ? [] : [file])]) requireOneLine(path);
  const { config } = loadConfig({ flags: file === undefined ? {} : { config: file }, env: {}, cwd: folder });
  if (scope === "system" && !isMac) {
    for (const path of [node, main, ...(file === undefined ? [] : [file])]) await requireOpen(path);
  }
  const stopMs = config.drainDelayMs + config.shutdownGraceMs;
  return {
    scope,
    command: [node, main, "serve", ...(file === undefined ? [] : ["--config", file])],
    folder,
    stopSeconds: Math.ceil(stopMs / 1_000) + STOP_RESERVE_SECONDS,
    hasLowPort: config.port > 0 && config.port < 1_024,
    usesGpu: config.gpu !== "off",
    gpuGroups: groups().filter((name) => name === "render" || name === "video"),
    environmentFile:
      scope === "user" ? join(env.XDG_CONFIG_HOME || join(home, ".config"), "sluice/env") : "/etc/sluice/env",
    runAs: scope === "system" && isMac ? (env.SUDO_USER ?? "nobody") : undefined,
    logFile: scope === "user" ? join(home, "Library/Logs/sluice.log") : "/Library/Logs/sluice.log",
  };
}

/** A line break in a path would begin a setting of the service's file, and a backslash at its end swallow the next one. */
function requireOneLine(path: string): void {
  if (/\p{Cc}|\\$/u.test(path)) {
    throw new CommandError(
      `${JSON.stringify(path)} can't be in a service's file: it has control characters, or ends with a backslash.`,
    );
  }
}

async function requireOpen(path: string): Promise<void> {
  const closed = await findClosed(path);
  if (closed === undefined) return;
  throw new CommandError(
    `A system service has a user of its own, which may not read ${closed}. Install Sluice where all may read it, such as with npm install -g sluice-gateway, or use --user.`,
  );
}
