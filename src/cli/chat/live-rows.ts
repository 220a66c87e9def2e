import { stripVTControlCharacters } from "node:util";
import stringWidth from "string-width";
import type { Output } from "../context.ts";

/** Rows at the end of a terminal's output that may still change. */
export type LiveRows = {
  /** Shows these rows in place of those before. Only what has changed is written, and rows that have left the screen stay as they are. */
  readonly show: (rows: readonly string[]) => void;
  /** Leaves what is shown. What is shown next stands below. */
  readonly settle: () => void;
};

export function createLiveRows(output: Output): LiveRows {
  let shown: readonly string[] = [];

  /** How many rows of the screen a row takes: several, once the terminal has become narrower. */
  const heightOf = (row: string) =>
    Math.max(1, Math.ceil(stringWidth(stripVTControlCharacters(row)) / (output.columns ?? 80)));

  return {
    show(rows) {
      let first = 0;
      while (first < shown.length && first < rows.length && shown[first] === rows[first]) first += 1;
      if (first === shown.length && first === rows.length) return;
      // The cursor is below the last row.
      const reach = (output.rows ?? 24) - 1;
      let from = shown.length;
      let up = 0;
      while (from > first && up + heightOf(shown[from - 1] ?? "") <= reach) {
        from -= 1;
        up += heightOf(shown[from] ?? "");
      }
      const fresh = rows.slice(from).map((row) => `${row}\n`);
      output.write(`${up > 0 ? `\u001b[${up}A` : ""}\r\u001b[J${fresh.join("")}`);
      shown = [...shown.slice(0, from), ...rows.slice(from)];
    },
    settle() {
      shown = [];
    },
  };
}
