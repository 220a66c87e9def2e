import { didYouMean } from "../../config/suggest.ts";

/** The commands of a chat, with what each takes and does. */
export const SLASH_COMMANDS = {
  help: ["", "list these commands"],
  model: ["[NAME]", "list the models and presets, or go on with another one"],
  system: ["[TEXT]", "show the system text, or set it; `-` removes it"],
  tools: ["[on|off]", "list the tools of MCP servers, or offer them or none"],
  file: ["PATH", "add a file to the next message"],
  edit: ["", "change the last message in your editor, and ask again"],
  retry: ["", "ask the last message again"],
  save: ["[PATH]", "write the conversation to a file, as Markdown"],
  stats: ["", "show tokens and times"],
  clear: ["", "begin a new conversation"],
  quit: ["", "end; Ctrl+D does, too"],
} as const satisfies Readonly<Record<string, readonly [takes: string, does: string]>>;

export type SlashName = keyof typeof SLASH_COMMANDS;

/** What a line that was typed means. */
export type Meaning =
  | { readonly type: "message"; readonly text: string }
  | { readonly type: "command"; readonly name: SlashName; readonly rest: string }
  | { readonly type: "unknown"; readonly message: string };

/** Reads what was typed. A message that begins with a slash is written with two. */
export function readMeaning(typed: string): Meaning {
  const text = typed.trim();
  if (text.startsWith("//")) return { type: "message", text: text.slice(1) };
  const found = /^\/([A-Za-z?]+)(?:\s+([\s\S]*))?$/.exec(text);
  if (found === null) return { type: "message", text };
  const [, word = "", rest = ""] = found;
  const names = Object.keys(SLASH_COMMANDS) as SlashName[];
  const wanted = { exit: "quit", bye: "quit", "?": "help", new: "clear" }[word.toLowerCase()] ?? word.toLowerCase();
  const name = names.find((each) => each === wanted);
  if (name !== undefined) return { type: "command", name, rest: rest.trim() };
  return {
    type: "unknown",
    message: `There is no /${word}.${didYouMean(word, names).replace("mean ", "mean /")} /help lists the commands.`,
  };
}
