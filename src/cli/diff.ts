import type { CliContext } from "./context.ts";
import { escapeAllButLayout, escapeHidden } from "./controls.ts";
import { paintFor } from "./style.ts";

/** A diff as the terminal shows it: what is added in green, what goes in red, nothing in it acts on the terminal, and nothing is hidden. */
export function paintDiff(diff: string, context: CliContext): string {
  const paint = paintFor(context.stdout, context);
  return diff
    .split("\n")
    .map((line) => escapeHidden(escapeAllButLayout(line)))
    .map((line) => (line.startsWith("+") ? paint("green", line) : line.startsWith("-") ? paint("red", line) : line))
    .join("\n");
}
