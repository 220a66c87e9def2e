import { cutLine, widthOf } from "../chat/wrap.ts";
import { escapeControls } from "../controls.ts";
import type { Paint } from "../style.ts";

type Style = Parameters<Paint>[0];

/** A text in a table, perhaps in a colour. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** A column, and how long it stays while there is less and less room: those with the lowest number go first. The first one never goes. */
export type Column<Row> = {
  readonly title: string;
  readonly stays: number;
  readonly isNumber?: boolean;
  readonly cell: (row: Row) => Cell;
};

const GAP = 2;
/** The first column is not cut below this. */
const LEAST_NAME = 8;

/** Rows no wider than `columns`, the heading first; what a terminal would act on is made visible. */
export function layTable<Row>(
  all: readonly Column<Row>[],
  rows: readonly Row[],
  columns: number,
  paint: Paint,
): readonly string[] {
  const measured = all.map((column) => {
    const cells = rows.map((row) => clean(column.cell(row)));
    return { ...column, cells, width: Math.max(widthOf(column.title), ...cells.map(({ text }) => widthOf(text))) };
  });
  const kept = new Set(measured);
  const [name] = measured;
  const widthOfAll = () => [...kept].reduce((sum, { width }) => sum + width + GAP, -GAP);
  const byWorth = measured.slice(1).sort((one, other) => one.stays - other.stays);
  const leastExtra = Math.max(0, (name?.width ?? 0) - LEAST_NAME);
  while (widthOfAll() - leastExtra > columns) {
    const worst = byWorth.shift();
    if (worst === undefined) break;
    kept.delete(worst);
  }
  const over = Math.max(0, widthOfAll() - columns);
  const shown = measured
    .filter((column) => kept.has(column))
    .map((column) => (column === name ? { ...column, width: Math.max(1, column.width - over) } : column));
  const lines = [-1, ...rows.keys()].map((index) =>
    shown
      .map(({ title, cells, width, isNumber }, at) => {
        const { text, style } =
          index < 0 ? { text: title, style: "dim" as const } : (cells[index] ?? { text: "", style: undefined });
        const cut = cutTo(text, width);
        const space = " ".repeat(Math.max(0, width - widthOf(cut)));
        const painted = style === undefined ? cut : paint(style, cut);
        if (isNumber === true) return `${space}${painted}`;
        return at === shown.length - 1 ? painted : `${painted}${space}`;
      })
      .join(" ".repeat(GAP)),
  );
  return lines;
}

function clean(cell: Cell): { readonly text: string; readonly style: Style | undefined } {
  const { text, style } = typeof cell === "string" ? { text: cell, style: undefined } : cell;
  return { text: escapeControls(text), style };
}

/** A text that is no wider than so many columns; if it was, it ends with `…`. */
export function cutTo(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  if (columns < 1) return "";
  return `${cutLine(text, columns - 1)[0] ?? ""}…`;
}
