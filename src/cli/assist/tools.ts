import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { escapeAllButLayout } from "../controls.ts";
import { openTools, readToolFlags } from "../mcp/open-tools.ts";
import { createToolUse, type ToolUse } from "../mcp/tool-calls.ts";
import { askTerminal } from "./terminal.ts";

/** The tools that the model may call, and what they need until they are closed. */
export type AssistTools = { readonly use: ToolUse; readonly close: () => Promise<void> };

/**
 * Opens the tools of the user's MCP servers, if a flag offers them; else undefined, since the files that the model reads may be somebody else's. Each
 * call is asked about at the terminal. Throws a UsageError.
 */
export async function openAssistTools(
  flags: Flags,
  context: CliContext,
  signal: AbortSignal,
): Promise<AssistTools | undefined> {
  const isOffered = flags.mcp === true || flags.mcpConfig !== undefined || flags.allowTool !== undefined;
  const toolbox = isOffered ? await openTools(flags, context, signal) : undefined;
  if (toolbox === undefined) return undefined;
  const { stderr } = context;
  const use = createToolUse({
    ...{ toolbox, ...readToolFlags(flags) },
    tell: (message) => void stderr.write(`${escapeAllButLayout(message)}\n`),
    ...(stderr.isTTY === true && {
      ask: async ({ name, shownArguments }, calling) =>
        (await askTerminal(`The model wants to call ${name} ${shownArguments}. Call it?`, context, calling)) === true
          ? "once"
          : "no",
    }),
  });
  return { use, close: () => toolbox.close() };
}
