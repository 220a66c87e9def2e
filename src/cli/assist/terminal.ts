import { closeSync, openSync } from "node:fs";
import { ReadStream } from "node:tty";
import { confirm } from "../confirm.ts";
import type { CliContext } from "../context.ts";

/**
 * Asks somebody at the terminal a question that is answered by yes or no; undefined if nobody is there. Where something else is piped in, the answer
 * comes from the terminal itself, as with `git` and `less`.
 */
export async function askTerminal(
  question: string,
  { stdin, stderr }: CliContext,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (stderr.isTTY !== true) return undefined;
  if (stdin?.isTTY === true) return confirm(question, { stdin, stderr }, signal);
  const terminal = openTerminal();
  if (terminal === undefined) return undefined;
  try {
    return await confirm(question, { stdin: terminal, stderr }, signal);
  } finally {
    terminal.destroy();
  }
}

function openTerminal(): ReadStream | undefined {
  let file: number;
  try {
    file = openSync("/dev/tty", "r");
  } catch {
    return undefined;
  }
  try {
    return new ReadStream(file);
  } catch {
    closeSync(file);
    return undefined;
  }
}
