import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { nearest } from "../../config/suggest.ts";
import type { OfferedTool } from "../../mcp/client/offered.ts";
import { listCapable } from "../ask/served-models.ts";
import type { CliContext } from "../context.ts";
import { escapeAllButLayout, escapeControls } from "../controls.ts";
import { CommandError, describeError, errorCode } from "../errors.ts";
import type { GatewayClient } from "../gateway-client.ts";
import type { Paint } from "../style.ts";
import { formatTable } from "../table.ts";
import { formatBytes } from "../units.ts";
import { readAttachment } from "./attachments.ts";
import type { AnswerStats, Conversation, Ending, Message } from "./conversation.ts";
import { editText } from "./editor.ts";
import { SLASH_COMMANDS, type SlashName } from "./slash-commands.ts";

/** What a chat is made of. */
export type SessionParts = {
  readonly context: CliContext;
  readonly client: GatewayClient;
  readonly conversation: Conversation;
  readonly paint: Paint;
  /** Those of MCP servers; absent if there are none. */
  readonly tools?: { readonly list: readonly OfferedTool[]; isOn: boolean };
  /** Asks and shows the answer, until it ends or is stopped. */
  readonly answer: (text: string) => Promise<Ending>;
  readonly now?: () => Date;
};

/** A chat's state besides the conversation. */
export type Session = {
  /** Asks a message, with the files that were added. */
  readonly say: (text: string) => Promise<void>;
  /** Runs a command of the chat. Returns whether the chat goes on. */
  readonly run: (name: SlashName, rest: string) => Promise<boolean>;
};

/** Creates a chat. What fails is told, and the chat goes on. */
export function createSession(parts: SessionParts): Session {
  const { context, client, conversation, paint, now = () => new Date() } = parts;
  const { stdout, cwd, env } = context;
  let attached: readonly string[] = [];
  let last: AnswerStats | undefined;
  let answers = 0;

  const tell = (text: string) => void stdout.write(`${paint("dim", text)}\n`);
  const ask = async (text: string) => {
    const { stats, reason, isOutOfRounds } = await parts.answer(text);
    last = stats;
    answers += 1;
    if (isOutOfRounds) tell("No more tools were called for this answer: --max-tool-rounds says how often they may be.");
    if (reason === "length") tell("The answer was cut off at its maximum length.");
    if (reason === "stopped") tell("Stopped. /retry asks again.");
  };

  async function setModel(name: string): Promise<void> {
    const names = await listCapable(client, "chat");
    if (name === "") {
      for (const each of names) tell(`${each === conversation.model ? "* " : "  "}${escapeControls(each)}`);
      return;
    }
    // A preset's name does without its prefix.
    const wanted = [name.toLowerCase(), `preset/${name.toLowerCase()}`];
    const found = names.find((each) => wanted.includes(each.toLowerCase()));
    if (found === undefined) {
      const guess = nearest(name, [...names, ...names.map((each) => each.replace(/^preset\//, ""))]);
      throw new CommandError(
        `The gateway has no ${name} to chat with.${guess ? ` Did you mean ${guess}?` : ""} /model lists them.`,
      );
    }
    conversation.model = found;
    tell(`Going on with ${escapeControls(found)}.`);
  }

  function setSystem(text: string): void {
    if (text !== "") conversation.system = text === "-" ? "" : text;
    tell(
      conversation.system === "" ? "There is no system text." : `System: ${escapeAllButLayout(conversation.system)}`,
    );
  }

  function showTools(choice: string): void {
    const { tools } = parts;
    if (tools === undefined) {
      throw new CommandError("There are no tools. Name MCP servers in a file: docs/mcp.md shows how.");
    }
    if (!["", "on", "off"].includes(choice)) throw new CommandError("Say /tools, /tools on or /tools off.");
    if (choice !== "") tools.isOn = choice === "on";
    const columns = stdout.columns ?? 80;
    for (const { name, description } of tools.list) {
      const [line = ""] = description.trim().split("\n", 1);
      const row = `${name}  ${escapeControls(line)}`;
      stdout.write(`${row.length < columns ? row : `${row.slice(0, Math.max(name.length, columns - 2))}…`}\n`);
    }
    tell(tools.isOn ? "The model may ask to call them." : "The model is offered none of them: /tools on offers them.");
  }

  function attach(path: string): void {
    if (path === "") throw new CommandError("Name a file: /file PATH");
    const quoted = readAttachment(path, cwd);
    attached = [...attached, quoted];
    tell(`${escapeControls(path)} (${formatBytes(Buffer.byteLength(quoted))}) goes with the next message.`);
  }

  async function save(path: string): Promise<void> {
    const name = path || `chat-${now().toISOString().slice(0, 19).replaceAll(":", "-")}.md`;
    try {
      await writeFile(resolve(cwd, name), toMarkdown(conversation), { flag: "wx" });
    } catch (error) {
      const reason =
        errorCode(error) === "EEXIST" ? "there is such a file already. Give another name" : describeError(error);
      throw new CommandError(`${name} can't be written: ${reason}.`, { cause: error });
    }
    tell(`Written to ${escapeControls(name)}.`);
  }

  async function again(change: (text: string) => Promise<string>): Promise<void> {
    const { messages } = conversation;
    const before = messages.findLast(({ role }) => role === "user")?.content;
    const text = await change(before ?? "");
    if (text === "")
      throw new CommandError(before === undefined ? "Nothing was asked yet." : "An empty message isn't sent.");
    conversation.takeBack();
    await ask(text);
  }

  const commands: Readonly<Record<Exclude<SlashName, "quit">, (rest: string) => Promise<void> | void>> = {
    help() {
      const rows = Object.entries(SLASH_COMMANDS).map(([name, [takes, does]]) => [`/${name} ${takes}`.trim(), does]);
      const columns = stdout.columns ?? 80;
      const table = formatTable(rows);
      const fits = table.split("\n").every((line) => line.length < columns);
      stdout.write(fits ? table : rows.map(([usage, does]) => `${usage}\n  ${does}\n`).join(""));
      tell('A line that ends with \\ goes on in the next; """ begins and ends several lines. Ctrl+C stops an answer.');
    },
    model: setModel,
    system: setSystem,
    tools: showTools,
    file: attach,
    edit: () => again((text) => editText(text, env)),
    retry: () => again(async (text) => text),
    save,
    stats() {
      tell(last === undefined ? "Nothing was asked yet." : describeStats(last, answers, conversation));
    },
    clear() {
      conversation.clear();
      attached = [];
      last = undefined;
      answers = 0;
      tell("A new conversation.");
    },
  };

  const guarded = async (work: () => Promise<void> | void) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      stdout.write(`${paint("red", escapeAllButLayout(error.message))}\n`);
    }
  };

  return {
    say: (text) =>
      guarded(async () => {
        const whole = [...attached, text].join("\n");
        await ask(whole);
        attached = [];
      }),
    async run(name, rest) {
      if (name === "quit") return false;
      await guarded(() => commands[name](rest));
      return true;
    },
  };
}

function describeStats(
  { model, promptTokens, cachedTokens, answerTokens, firstTextMs, totalMs }: AnswerStats,
  answers: number,
  conversation: Conversation,
): string {
  const writingMs = totalMs - (firstTextMs ?? 0);
  const rate =
    answerTokens !== undefined && answerTokens > 1 && writingMs > 0
      ? ((answerTokens - 1) / writingMs) * 1_000
      : undefined;
  const lines = [
    `model: ${escapeControls(model)}`,
    `answers: ${answers}, messages: ${conversation.messages.length}`,
    promptTokens === undefined
      ? "tokens: not told"
      : `tokens of the last: ${promptTokens} in (${cachedTokens ?? 0} from the cache), ${answerTokens} out`,
    ...(firstTextMs === undefined ? [] : [`first text after ${Math.round(firstTextMs)} ms`]),
    ...(rate === undefined ? [] : [`${rate.toFixed(1)} tokens/s`]),
    `whole answer in ${(totalMs / 1_000).toFixed(2)} s`,
  ];
  return lines.join("\n");
}

function toMarkdown({ model, system, messages }: Pick<Conversation, "model" | "system" | "messages">): string {
  const all: readonly Message[] = [
    ...(system === "" ? [] : [{ role: "system" as const, content: system }]),
    ...messages,
  ];
  const titles = { system: "System", user: "You", assistant: model, tool: "Tool" };
  return all.map((message) => `## ${titles[message.role]}\n\n${textOf(message)}\n`).join("\n");
}

function textOf(message: Message): string {
  const calls = message.role === "tool" ? [] : (message.tool_calls ?? []);
  return [message.content.trim(), ...calls.map(({ function: { name, arguments: text } }) => `Calls ${name}: ${text}`)]
    .filter((part) => part !== "")
    .join("\n\n");
}
