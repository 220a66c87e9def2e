import { basename } from "node:path";
import type { Command } from "commander";
import { didYouMean } from "../../config/suggest.ts";
import { type CliContext, EXIT } from "../context.ts";
import { escapeControls } from "../controls.ts";
import { UsageError } from "../errors.ts";
import { complete } from "./complete.ts";
import { isShell, SHELLS, type Shell, scriptFor } from "./scripts.ts";
import { quoteForBash } from "./words.ts";

/** `sluice completion SHELL`: prints the script for a shell. Throws a UsageError. */
export function printScript(shell: string, { stdout }: CliContext): number {
  if (!isShell(shell)) {
    throw new UsageError(
      `${JSON.stringify(basename(shell))} is not completed for. Give one of ${SHELLS.join(", ")}.${didYouMean(shell, SHELLS)}`,
    );
  }
  stdout.write(scriptFor(shell));
  return EXIT.done;
}

/** What the scripts ask: prints a word on each line, with its purpose after a tab; `:files` or `:folders` for the shell's own names. */
export async function printCandidates(
  program: Command,
  shell: string,
  typed: readonly string[],
  context: CliContext,
): Promise<number> {
  const found = await complete(program, typed, context);
  if (found.type !== "words") {
    context.stdout.write(`:${found.type}${shell === "bash" ? "" : ` ${found.before}`}\n`);
    return EXIT.done;
  }
  const last = typed.at(-1) ?? "";
  const write = writerFor(isShell(shell) ? shell : "fish", last);
  context.stdout.write(
    found.candidates
      .map(({ word, purpose }) => (purpose === undefined ? write(word) : `${write(word)}\t${escapeControls(purpose)}`))
      .map((line) => `${line}\n`)
      .join(""),
  );
  return EXIT.done;
}

/** zsh and fish quote words themselves. */
function writerFor(shell: Shell, last: string): (word: string) => string {
  return shell === "bash" ? (word) => quoteForBash(word, last) : (word) => word;
}
