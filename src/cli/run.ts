import { CommanderError } from "commander";
import { ConfigError } from "../config/problems.ts";
import { UnknownModelError } from "../models/errors.ts";
import { type CliContext, EXIT } from "./context.ts";
import { escapeAllButLayout } from "./controls.ts";
import { CommandError, describeError } from "./errors.ts";
import { InterruptedError } from "./interrupts.ts";
import { buildProgram } from "./program.ts";

/**
 * Runs the command line and returns the exit code: those of `EXIT`, or 129, 130 or 143 if a signal has ended it. Never throws: errors are written to `context.stderr`.
 *
 * @param words the command line after the program's name
 */
export async function run(words: readonly string[], context: CliContext): Promise<number> {
  let exitCode: number = EXIT.done;
  try {
    await buildProgram(context, (code) => {
      exitCode = code;
    }).parseAsync(words, { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has written its message by now. Help and version end with 0 here.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongUsage;
    if (error instanceof InterruptedError) return error.exitCode;
    // A server's words may be in it.
    context.stderr.write(`error: ${escapeAllButLayout(describeError(error))}\n`);
    if (error instanceof CommandError) return error.exitCode;
    if (error instanceof UnknownModelError) return EXIT.refused;
    return error instanceof ConfigError ? EXIT.wrongUsage : EXIT.failed;
  }
}
