import type { CliContext } from "./context.ts";
import { escapeAllButLayout } from "./controls.ts";
import { paintFor } from "./style.ts";

/** A diff as the terminal shows it: what is added in green, what goes in red, and nothing in it acts on the terminal. */
export function paintDiff(diff: string, context: CliContext): string {
  const paint = paintFor(context.stdout, context);
  return diff
    .split("\n")
    .map((line) => escapeAllButLayout(line))
    .map((line) => (line.startsWith("+") ? paint("green", line) : line.startsWith("-") ? paint("red", line) : line))
    .join("\n");
}
