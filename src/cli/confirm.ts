import { createInterface } from "node:readline/promises";
import type { CliContext } from "./context.ts";
import { dropTyped } from "./heard-keys.ts";
import { InterruptedError } from "./interrupts.ts";

/** Whether there is somebody to ask: both what is asked and what is answered go by a terminal. */
export function canAsk({ stdin, stderr }: Pick<CliContext, "stdin" | "stderr">): boolean {
  return stdin?.isTTY === true && stderr.isTTY === true;
}

/** What was typed before a question is there at once, and somebody who goes on typing leaves no such gap, in ms. */
const SILENCE_MS = 250;

const CTRL_C = "\u0003";

/**
 * Asks a question that is answered by yes or no, which is what anything but `y` and `yes` means. What was typed before it is shown answers nothing.
 * Throws an InterruptedError at Ctrl+C.
 */
export async function confirm(
  question: string,
  { stdin, stderr }: Pick<CliContext, "stdin" | "stderr">,
  signal: AbortSignal,
): Promise<boolean> {
  if (stdin === undefined || (stdin.isTTY === true && (await dropEarlier(stdin, signal)) === "ended")) return false;
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

/** Drops what was typed before, and what is typed until there is a silence. */
async function dropEarlier(
  terminal: NonNullable<CliContext["stdin"]>,
  signal: AbortSignal,
): Promise<"silent" | "ended"> {
  // The terminal keeps a line to itself until Enter otherwise.
  terminal.setRawMode?.(true);
  terminal.resume();
  try {
    return await dropTyped(terminal, signal, SILENCE_MS, (pressed) => {
      if (pressed.includes(CTRL_C)) throw new InterruptedError("SIGINT");
    });
  } finally {
    terminal.pause();
    terminal.setRawMode?.(false);
  }
}
