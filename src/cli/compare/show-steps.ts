import type { Output } from "../context.ts";
import { escapeControls } from "../controls.ts";

/** Shows what a long command does: on a terminal in one line that changes, elsewhere in a line for each step. */
export type Steps = {
  /** A step that has begun. */
  readonly begin: (what: string) => void;
  /** What changes during a step; shown on a terminal only. */
  readonly update: (what: string) => void;
  /** A line that stays. */
  readonly note: (what: string) => void;
  /** Leaves the line empty. */
  readonly end: () => void;
};

/** What names of files hold acts on no terminal. */
export function showSteps(output: Output): Steps {
  const write = (what: string) =>
    output.write(`\r\u001b[2K${escapeControls(what).slice(0, Math.max(10, (output.columns ?? 80) - 1))}`);
  if (output.isTTY !== true) {
    const line = (what: string) => void output.write(`${escapeControls(what)}\n`);
    return { begin: line, update: () => {}, note: line, end: () => {} };
  }
  return {
    begin: (what) => void write(what),
    update: (what) => void write(what),
    note: (what) => void output.write(`\r\u001b[2K${escapeControls(what)}\n`),
    end: () => void write(""),
  };
}
