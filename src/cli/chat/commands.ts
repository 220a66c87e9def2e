import type { Command } from "commander";
import { CLIENT_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import { addSamplingOptions } from "../ask/commands.ts";
import type { CliContext } from "../context.ts";
import { addGatewayOptions } from "../gateway-options.ts";
import { addExamples, addNotes } from "../help.ts";
import { addToolOptions } from "../mcp/tool-options.ts";

const NOTES =
  "In the chat, /help lists its commands: other models, files, the last message in your editor, and more. Ctrl+C stops an answer, and " +
  'Ctrl+D ends the chat. A line that ends with \\ goes on in the next; """ begins and ends several lines. What was typed is kept for the ' +
  "next chat.";

/** Adds `sluice chat`. */
export function addChatCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const chat = addSamplingOptions(
    program
      .command("chat [text...]")
      .description("chat with a model in the terminal, or ask it once if a text is given or piped in"),
  )
    .option("--system <text>", "system text")
    .option("--file <path>", "add a file to the first message; may be repeated", collect)
    .option("--no-history", "neither use nor keep what was typed in other chats")
    .option("--json", "print the whole answer as JSON, if a text is given or piped in")
    .action(async (words: readonly string[], flags: Flags) => {
      const { chat } = await import("./chat.ts");
      done(await chat(words, flags, context));
    });
  addNotes(chat, NOTES);
  addToolOptions(chat);
  addGatewayOptions(chat, CLIENT_KEYS);
  addExamples(
    chat,
    ["sluice chat", "with the model that is served"],
    ["sluice chat --model gemma-3-270m --system 'Answer in one sentence.'", "with another one"],
    ["sluice chat 'Why is the sky blue?'", "one question"],
    ["git log -5 | sluice chat --file README.md 'What has changed?'", "about texts"],
  );
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
