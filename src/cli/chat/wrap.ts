import stringWidth from "string-width";
import type { Paint } from "../style.ts";

type Style = Parameters<Paint>[0];

/** Words in one style. */
export type Span = { readonly text: string; readonly style?: Style };

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
const ASCII = /^[\u0020-\u007e]*$/;

/** How many columns of a terminal a text without control characters takes. */
export function widthOf(text: string): number {
  return ASCII.test(text) ? text.length : stringWidth(text);
}

type Cell = { readonly text: string; readonly width: number; readonly style: Style | undefined };

/** Breaks spans into painted rows of so many columns, at spaces where that is possible. A line break in them begins a row. */
export function wrapSpans(spans: readonly Span[], columns: number, paint: Paint): readonly string[] {
  // A tab has no width of its own.
  const cells = spans.flatMap(({ text, ...rest }) => cellsOf({ text: text.replaceAll("\t", " "), ...rest }));
  const rows: Cell[][] = [];
  let row: Cell[] = [];
  let word: Cell[] = [];
  const widthIn = (some: readonly Cell[]) => some.reduce((sum, { width }) => sum + width, 0);
  const endRow = () => {
    while (row.at(-1)?.text === " ") row.pop();
    rows.push(row);
    row = [];
  };
  const endWord = () => {
    if (row.length > 0 && widthIn(row) + widthIn(word) > columns) endRow();
    for (const cell of word) {
      if (widthIn(row) + cell.width > columns) endRow();
      row.push(cell);
    }
    word = [];
  };
  for (const cell of cells) {
    if (cell.text === "\n") {
      endWord();
      endRow();
    } else if (cell.text === " ") {
      endWord();
      if (row.length > 0 && widthIn(row) < columns) row.push(cell);
    } else word.push(cell);
  }
  endWord();
  if (row.length > 0) endRow();
  return rows.map((each) => paintRow(each, paint));
}

/** Cuts a line at so many columns into rows, wherever that is. */
export function cutLine(line: string, columns: number): readonly string[] {
  const rows: string[] = [""];
  let width = 0;
  for (const { text, width: added } of cellsOf({ text: line })) {
    if (width + added > columns) {
      rows.push("");
      width = 0;
    }
    rows[rows.length - 1] += text;
    width += added;
  }
  return rows;
}

function cellsOf({ text, style }: Span): readonly Cell[] {
  if (ASCII.test(text)) return Array.from(text, (character) => ({ text: character, width: 1, style }));
  return Array.from(graphemes.segment(text), ({ segment }) => ({ text: segment, width: widthOf(segment), style }));
}

function paintRow(row: readonly Cell[], paint: Paint): string {
  let painted = "";
  for (let begin = 0; begin < row.length; ) {
    const style = row[begin]?.style;
    let end = begin;
    while (end < row.length && row[end]?.style === style) end += 1;
    const words = row
      .slice(begin, end)
      .map(({ text }) => text)
      .join("");
    painted += style === undefined ? words : paint(style, words);
    begin = end;
  }
  return painted;
}
