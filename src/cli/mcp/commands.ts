import type { Command } from "commander";
import { CLIENT_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addGatewayOptions } from "../gateway-options.ts";
import { addExamples, addNotes } from "../help.ts";

const NOTES =
  "Editors and agents start it: docs/mcp.md has the settings of each. stdout carries the protocol, and stderr what there is to tell. It " +
  "ends when its client does. No sluice.yaml, presets or models are taken from the current folder unless they are named, as by --config.";

/** Adds `sluice mcp`. */
export function addMcpCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const mcp = program
    .command("mcp")
    .description("serve a gateway's models and presets as tools and prompts of MCP, over stdin and stdout")
    .action(async (flags: Flags) => {
      const { mcp } = await import("./mcp.ts");
      done(await mcp(flags, context));
    });
  addNotes(mcp, NOTES);
  addGatewayOptions(mcp, CLIENT_KEYS);
  addExamples(
    mcp,
    ["sluice mcp", "what an editor starts: claude mcp add sluice -- sluice mcp"],
    ["sluice mcp --url http://10.0.0.5:8080", "those of another machine's gateway"],
  );
}
