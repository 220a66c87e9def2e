import type { Command } from "commander";

const GROUP = "Tools of MCP servers:";

/** Adds the options of a command whose model may call tools of MCP servers, which `openTools` reads. */
export function addToolOptions(command: Command): void {
  command
    .optionsGroup(GROUP)
    .option("--mcp-config <path>", "file with the servers (default: sluice/mcp.json in your folder for settings)")
    .option("--no-mcp", "start none")
    .option(
      "--allow-tool <name>",
      "call this tool without asking; may be repeated. Without a terminal, no others are called",
      collect,
    )
    .option(
      "--max-tool-rounds <number>",
      "how often a message's answer may call tools before it must be written (default: 8)",
    )
    .optionsGroup("Options:");
}

function collect(name: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), name];
}
