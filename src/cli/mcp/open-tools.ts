import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Flags } from "../../config/load.ts";
import type { ServerSettings } from "../../mcp/client/settings.ts";
import type { Toolbox } from "../../mcp/client/toolbox.ts";
import { readText } from "../../read-file.ts";
import { readWhole } from "../ask/ask.ts";
import type { CliContext } from "../context.ts";
import { escapeAllButLayout } from "../controls.ts";
import { describeError, errorCode, UsageError } from "../errors.ts";

const DEFAULT_ROUNDS = 8;
const MAX_ROUNDS = 64;

/** What flags say of tools. */
export type ToolFlags = {
  /** The tools that are called without asking. */
  readonly allowed: ReadonlySet<string>;
  readonly maxRounds: number;
};

/** Throws a UsageError. */
export function readToolFlags(flags: Flags): ToolFlags {
  return {
    allowed: new Set(Array.isArray(flags.allowTool) ? flags.allowTool.map(String) : []),
    maxRounds: readWhole("--max-tool-rounds", flags.maxToolRounds, MAX_ROUNDS) ?? DEFAULT_ROUNDS,
  };
}

/**
 * Starts the MCP servers of the user's file, or of the one that a flag names, and returns their tools; undefined if there are none. What can't be used is
 * told on stderr. Throws a UsageError for a file that can't be read, and for an allowed tool that isn't there. A file in the current folder is never
 * read by itself: it may be someone else's, and starts programs.
 */
export async function openTools(
  flags: Flags,
  context: Pick<CliContext, "env" | "cwd" | "stderr">,
  signal: AbortSignal,
): Promise<Toolbox | undefined> {
  const { allowed } = readToolFlags(flags);
  const servers = flags.mcp === false ? [] : await readServers(flags, context);
  if (servers.length === 0) {
    requireTools(allowed, []);
    return undefined;
  }
  const { openToolbox } = await import("../../mcp/client/toolbox.ts");
  const tell = (message: string) => void context.stderr.write(`${escapeAllButLayout(message)}\n`);
  const toolbox = await openToolbox(servers, tell, signal);
  try {
    requireTools(
      allowed,
      toolbox.tools.map(({ name }) => name),
    );
  } catch (error) {
    await toolbox.close();
    throw error;
  }
  return toolbox;
}

function requireTools(wanted: ReadonlySet<string>, names: readonly string[]): void {
  const missing = [...wanted].find((name) => !names.includes(name));
  if (missing === undefined) return;
  const there = names.length === 0 ? "There are no tools: no MCP server is there." : `There are ${names.join(", ")}.`;
  throw new UsageError(`--allow-tool ${missing}: there is no such tool. ${there}`);
}

async function readServers(
  flags: Flags,
  { env, cwd }: Pick<CliContext, "env" | "cwd">,
): Promise<readonly ServerSettings[]> {
  const named = typeof flags.mcpConfig === "string" ? resolve(cwd, flags.mcpConfig) : undefined;
  const file = named ?? join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "sluice", "mcp.json");
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    if (named === undefined && ["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "")) return [];
    throw new UsageError(`${file} can't be read: ${describeError(error)}`, { cause: error });
  }
  const { McpSettingsError, parseServers } = await import("../../mcp/client/settings.ts");
  try {
    return parseServers(text, env);
  } catch (error) {
    if (!(error instanceof McpSettingsError)) throw error;
    throw new UsageError(`${file}: ${error.message}`, { cause: error });
  }
}
