import type { Flags } from "../../config/load.ts";
import type { Toolbox } from "../../mcp/client/toolbox.ts";
import { CUT_OFF, readSampling } from "../ask/ask.ts";
import { readPiped } from "../ask/input.ts";
import { chooseModel } from "../ask/served-models.ts";
import { withGateway } from "../ask/with-gateway.ts";
import type { CliContext } from "../context.ts";
import { escapeControls } from "../controls.ts";
import { UsageError } from "../errors.ts";
import type { GatewayClient } from "../gateway-client.ts";
import { askPermission } from "../mcp/ask-permission.ts";
import { openTools, readToolFlags, type ToolFlags } from "../mcp/open-tools.ts";
import { createToolUse, type ToolUse } from "../mcp/tool-calls.ts";
import { paintFor } from "../style.ts";
import { readAttachment } from "./attachments.ts";
import { type Conversation, createConversation, type Ending, type Reader } from "./conversation.ts";
import type { Keyboard } from "./prompt.ts";
import { createSession, type SessionParts } from "./session.ts";
import { readMeaning } from "./slash-commands.ts";
import { watchStopping } from "./stopping.ts";

/**
 * `sluice chat [TEXT…]`: talks with a model. With a text, or with one that is piped in, it asks once and prints the answer. Throws a CommandError.
 */
export async function chat(words: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  const sampling = readSampling(flags);
  const toolFlags = readToolFlags(flags);
  const files = (Array.isArray(flags.file) ? flags.file : []).map((path: string) => readAttachment(path, context.cwd));
  const text = [...files, words.join(" "), (await readPiped(context)) ?? ""]
    .filter((part) => part.trim() !== "")
    .join("\n");
  const { stdin, stdout } = context;
  const keyboard = words.length === 0 && stdin?.isTTY === true && stdout.isTTY === true ? stdin : undefined;
  if (keyboard === undefined && text === "") {
    throw new UsageError(
      "There is no terminal to chat in, and no text. Add a text, or pipe it in: echo 'Hello' | sluice chat",
    );
  }
  if (keyboard !== undefined && flags.json === true) {
    throw new UsageError("--json prints one answer. Add a text, or pipe it in: sluice chat --json 'Hello'");
  }
  if (flags.json === true && toolFlags.allowed.size > 0) {
    throw new UsageError("--json prints one answer, for which no tools are called. Leave --allow-tool out.");
  }
  return withGateway(flags, context, async ({ client, models }, interrupts) => {
    const model = await chooseModel(client, models, "chat");
    const system = typeof flags.system === "string" ? flags.system : "";
    // Where there is nobody to ask, servers are of use only if a flag has allowed a tool.
    const isUseful = keyboard !== undefined || toolFlags.allowed.size > 0;
    const toolbox = isUseful ? await openTools(flags, context, interrupts.signal) : undefined;
    const tools = { list: toolbox?.tools ?? [], isOn: true };
    try {
      const use = toolbox && offerTools(toolbox, toolFlags, keyboard, context);
      const conversation = createConversation(client, {
        ...{ model, system, sampling, tools: () => (tools.isOn ? use : undefined) },
      });
      if (keyboard === undefined) {
        await askOnce(text, { conversation, client, flags, context, sampling, signal: interrupts.signal });
        return;
      }
      // From here on Ctrl+C stops an answer.
      interrupts.dispose();
      const hasHistory = flags.history !== false;
      await talk({ keyboard, client, conversation, context, hasHistory, files, ...(toolbox && { tools }) });
    } finally {
      await toolbox?.close();
    }
  });
}

function offerTools(
  toolbox: Toolbox,
  toolFlags: ToolFlags,
  keyboard: Keyboard | undefined,
  context: CliContext,
): ToolUse {
  const output = keyboard === undefined ? context.stderr : context.stdout;
  const paint = paintFor(output, context);
  return createToolUse({
    ...{ toolbox, ...toolFlags },
    tell: (message) => void output.write(`${paint("dim", message)}\n`),
    ...(keyboard !== undefined && {
      ask: (question, signal) => askPermission(question, { keys: keyboard, stdout: context.stdout, paint, signal }),
    }),
  });
}

type Once = {
  readonly conversation: Conversation;
  readonly client: GatewayClient;
  readonly flags: Flags;
  readonly context: CliContext;
  readonly sampling: object;
  readonly signal: AbortSignal;
};

async function askOnce(text: string, { conversation, client, flags, context, sampling, signal }: Once): Promise<void> {
  const { stdout, stderr } = context;
  if (flags.json === true) {
    const { model, system } = conversation;
    const messages = [...(system === "" ? [] : [{ role: "system", content: system }]), { role: "user", content: text }];
    stdout.write(
      `${JSON.stringify(await client.post("/v1/chat/completions", { model, ...sampling, messages }), null, 2)}\n`,
    );
    return;
  }
  const { reason } =
    stdout.isTTY === true ? await show(context, (reader) => conversation.ask(text, reader, signal)) : await pass();
  signal.throwIfAborted();
  if (reason === "length") stderr.write(CUT_OFF);

  async function pass(): Promise<Ending> {
    const ending = await conversation.ask(
      text,
      { add: (piece) => void stdout.write(piece), addThought: () => {} },
      signal,
    );
    stdout.write("\n");
    return ending;
  }
}

/** Shows an answer on the terminal while it comes. */
async function show(context: CliContext, ask: (reader: Reader) => Promise<Ending>): Promise<Ending> {
  const { createAnswerView } = await import("./answer-view.ts");
  const view = createAnswerView(context);
  try {
    return await ask(view);
  } finally {
    view.end();
  }
}

type Talk = {
  readonly keyboard: Keyboard;
  readonly client: GatewayClient;
  readonly conversation: Conversation;
  readonly context: CliContext;
  readonly hasHistory: boolean;
  readonly files: readonly string[];
  readonly tools?: NonNullable<SessionParts["tools"]>;
};

async function talk({ keyboard, client, conversation, context, hasHistory, files, tools }: Talk): Promise<void> {
  const { stdout } = context;
  const paint = paintFor(stdout, context);
  const [{ readMessage }, { historyFile, openHistory }] = await Promise.all([
    import("./prompt.ts"),
    import("./history.ts"),
  ]);
  const history = openHistory(hasHistory ? historyFile(context.env) : undefined);
  const stopping = watchStopping(context);
  const session = createSession({
    ...{ context, client, conversation, paint, files, ...(tools && { tools }) },
    answer: (text) =>
      stopping.whileStoppable(keyboard, (signal) => show(context, (reader) => conversation.ask(text, reader, signal))),
  });
  stdout.write(
    `${paint("dim", `${escapeControls(conversation.model)} at ${client.url}. /help lists commands, Ctrl+D ends.`)}\n`,
  );
  try {
    const react = async (text: string): Promise<boolean> => {
      const meaning = readMeaning(text);
      if (meaning.type === "command") return session.run(meaning.name, meaning.rest);
      if (meaning.type === "unknown") stdout.write(`${paint("red", escapeControls(meaning.message))}\n`);
      else if (meaning.text !== "") await session.say(meaning.text);
      return true;
    };
    let wasInterrupted = false;
    for (;;) {
      const typed = await readMessage(keyboard, stdout, history, stopping.ended);
      stopping.ended.throwIfAborted();
      if (typed.type === "end" || (typed.type === "interrupted" && wasInterrupted)) break;
      wasInterrupted = typed.type === "interrupted";
      if (typed.type === "interrupted") {
        stdout.write(`\n${paint("dim", "Ctrl+C again, or Ctrl+D, ends.")}\n`);
        continue;
      }
      if (typed.type === "message" && !(await react(typed.text))) return;
      stopping.ended.throwIfAborted();
    }
    stdout.write("\n");
  } finally {
    stopping.dispose();
  }
}
