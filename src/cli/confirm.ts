import { createInterface } from "node:readline/promises";
import type { CliContext } from "./context.ts";

/** Whether there is somebody to ask: both what is asked and what is answered go by a terminal. */
export function canAsk({ stdin, stderr }: Pick<CliContext, "stdin" | "stderr">): boolean {
  return stdin?.isTTY === true && stderr.isTTY === true;
}

/** Asks a question that is answered by yes or no, which is what anything but `y` and `yes` means. */
export async function confirm(
  question: string,
  { stdin, stderr }: Pick<CliContext, "stdin" | "stderr">,
  signal: AbortSignal,
): Promise<boolean> {
  if (stdin === undefined) return false;
  const lines = createInterface({ input: stdin, output: stderr });
  // At the input's end nobody answers: https://nodejs.org/api/readline.html
  const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
  try {
    return /^y(es)?$/i.test((await Promise.race([lines.question(`${question} [y/N] `, { signal }), ended])).trim());
  } finally {
    lines.close();
  }
}
