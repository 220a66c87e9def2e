import { createInterface } from "node:readline/promises";
import type { CliContext } from "./context.ts";
import { InterruptedError } from "./interrupts.ts";

/** Whether there is somebody to ask: both what is asked and what is answered go by a terminal. */
export function canAsk({ stdin, stderr }: Pick<CliContext, "stdin" | "stderr">): boolean {
  return stdin?.isTTY === true && stderr.isTTY === true;
}

/** Asks a question that is answered by yes or no, which is what anything but `y` and `yes` means. Throws an InterruptedError at Ctrl+C. */
export async function confirm(
  question: string,
  { stdin, stderr }: Pick<CliContext, "stdin" | "stderr">,
  signal: AbortSignal,
): Promise<boolean> {
  if (stdin === undefined) return false;
  const lines = createInterface({ input: stdin, output: stderr });
  // At the input's end nobody answers: https://nodejs.org/api/readline.html
  const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
  // The terminal sends Ctrl+C as a key meanwhile.
  const interrupted = new Promise<never>((_, reject) => {
    lines.once("SIGINT", () => reject(new InterruptedError("SIGINT")));
  });
  try {
    const answer = lines.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test((await Promise.race([answer, ended, interrupted])).trim());
  } finally {
    lines.close();
  }
}
