import { escapeControls } from "./controls.ts";

/**
 * Rows as aligned columns with two spaces between them and no space at a line's end; what a terminal would act on is made visible. The first row is the heading. Columns listed
 * in `right` are aligned to the right.
 */
export function formatTable(texts: readonly (readonly string[])[], right: readonly number[] = []): string {
  const rows = texts.map((row) => row.map(escapeControls));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}
