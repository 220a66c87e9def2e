import type { Command } from "commander";

const GROUP = "Tools of MCP servers:";

/**
 * Adds the options of a command whose model may call tools of MCP servers, which `openTools` reads.
 *
 * @param options `isOptIn`: no server is started unless a flag says so
 */
export function addToolOptions(command: Command, { isOptIn = false }: { readonly isOptIn?: boolean } = {}): void {
  const [flag, words] = isOptIn ? ["--mcp", "offer the model their tools"] : ["--no-mcp", "start none"];
  command
    .optionsGroup(GROUP)
    .option("--mcp-config <path>", "file with the servers (default: sluice/mcp.json in your folder for settings)")
    .option(flag, words)
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
