import { createInterface, type Interface } from "node:readline";
import type { CliContext, Output } from "../context.ts";
import type { History } from "./history.ts";

const PROMPT = "> ";
const MORE = ". ";
const QUOTES = '"""';

/** Terminals then say where a pasted text begins and ends, so that its lines aren't taken for messages. */
const PASTE_ON = "\u001b[?2004h";
const PASTE_OFF = "\u001b[?2004l";

export type Keyboard = NonNullable<CliContext["stdin"]>;

/** What was typed at a prompt. */
export type Typed = { readonly type: "message"; readonly text: string } | { readonly type: "interrupted" | "end" };

/**
 * Reads a message from a terminal. A line that ends with `\` goes on in the next, and so does what begins with `"""`, until the next `"""`. Ctrl+C
 * clears what was typed, and at an empty prompt is `interrupted`; Ctrl+D is `end`.
 *
 * @param signal aborts the prompt, which is an `end`
 */
export async function readMessage(
  stdin: Keyboard,
  stdout: Output,
  history: History,
  signal: AbortSignal,
): Promise<Typed> {
  const typed = Promise.withResolvers<Typed>();
  let kept: readonly string[] = history.lines();
  const reader = createInterface({
    ...{ input: stdin, output: stdout, terminal: true, prompt: PROMPT, signal },
    // The interface changes it.
    ...{ history: [...kept], historySize: 1_000, removeHistoryDuplicates: true },
  });
  const lines: string[] = [];
  let isQuoted = false;
  let isPasting = false;

  const goOn = () => {
    reader.setPrompt(MORE);
    reader.prompt();
  };
  const onLine = (line: string) => {
    if (isPasting) {
      lines.push(line);
      return;
    }
    const next = readLine(line, isQuoted);
    isQuoted = next.isQuoted;
    lines.push(next.text);
    if (next.isOpen) goOn();
    else typed.resolve({ type: "message", text: lines.join("\n") });
  };
  const onInterrupt = () => {
    const isEmpty = lines.length === 0 && reader.line === "";
    if (isEmpty) {
      typed.resolve({ type: "interrupted" });
      return;
    }
    lines.length = 0;
    isQuoted = false;
    clearLine(reader);
    stdout.write("\n");
    reader.setPrompt(PROMPT);
    reader.prompt();
  };
  const onKey = (_: unknown, key: { readonly name?: string } | undefined) => {
    if (key?.name === "paste-start") isPasting = true;
    if (key?.name === "paste-end") isPasting = false;
  };

  reader
    .on("line", onLine)
    .on("SIGINT", onInterrupt)
    .on("history", (all: readonly string[]) => {
      kept = [...all];
    })
    .on("close", () => typed.resolve({ type: "end" }));
  stdin.on("keypress", onKey);
  stdout.write(PASTE_ON);
  reader.prompt();
  try {
    return await typed.promise;
  } finally {
    stdin.off("keypress", onKey);
    reader.close();
    stdout.write(PASTE_OFF);
    await history.keep(kept);
  }
}

/** What a typed line adds to a message, and whether the message goes on. */
function readLine(
  line: string,
  isQuoted: boolean,
): { readonly text: string; readonly isQuoted: boolean; readonly isOpen: boolean } {
  const begun = isQuoted ? line : line.trimStart();
  if (!isQuoted && !begun.startsWith(QUOTES)) {
    const isOpen = line.endsWith("\\");
    return { text: isOpen ? line.slice(0, -1) : line, isQuoted: false, isOpen };
  }
  const text = isQuoted ? line : begun.slice(QUOTES.length);
  const end = text.indexOf(QUOTES);
  return end < 0
    ? { text, isQuoted: true, isOpen: true }
    : { text: text.slice(0, end), isQuoted: false, isOpen: false };
}

function clearLine(reader: Interface): void {
  reader.write(null, { ctrl: true, name: "e" });
  reader.write(null, { ctrl: true, name: "u" });
}
