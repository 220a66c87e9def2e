import { Marked, type Token, type Tokens } from "marked";
import type { Paint } from "../style.ts";
import { cutLine, type Span, widthOf, wrapSpans } from "./wrap.ts";

/** A longer text is shown as it is: the parser's time grows faster than the text in the worst case. */
const MAX_PARSED_CHARS = 50_000;
/** So deep lists and quotes are indented. */
const MAX_DEPTH = 8;

const marked = new Marked({ gfm: true });

type Look = { readonly columns: number; readonly paint: Paint; readonly depth: number };

/** Renders Markdown without control characters as rows of a terminal, each of so many columns at most. */
export function renderMarkdown(text: string, columns: number, paint: Paint): readonly string[] {
  if (text.length > MAX_PARSED_CHARS) return wrapSpans([{ text }], columns, paint);
  return renderBlocks(marked.lexer(text), { columns, paint, depth: 0 });
}

function renderBlocks(tokens: readonly Token[], look: Look, gap: readonly string[] = [""]): readonly string[] {
  const blocks = tokens
    // A checkbox is a part of its item's mark.
    .filter(({ type }) => type !== "space" && type !== "def" && type !== "checkbox")
    .map((token) => renderBlock(token, look))
    .filter((rows) => rows.length > 0);
  return blocks.flatMap((rows, index) => (index === 0 ? rows : [...gap, ...rows]));
}

function renderBlock(token: Token, look: Look): readonly string[] {
  const { columns, paint } = look;
  switch (token.type) {
    case "heading":
      return wrapSpans(
        spansOf(token.tokens ?? [], token.depth <= 2 ? ["bold", "underline"] : ["bold"]),
        columns,
        paint,
      );
    case "code":
      return String(token.text)
        .split("\n")
        .flatMap((line) => cutLine(line.replaceAll("\t", "    "), Math.max(1, columns - 2)))
        .map((line) => `  ${paint("cyan", line)}`);
    case "blockquote":
      return inset(look, paint("dim", "│ "), (inner) => renderBlocks(token.tokens ?? [], inner));
    case "list":
      return renderList(token as Tokens.List, look);
    case "table":
      return renderTable(token as Tokens.Table, look);
    case "hr":
      return [paint("dim", "─".repeat(Math.min(columns, 40)))];
    case "html":
      return wrapSpans([{ text: token.raw.trimEnd() }], columns, paint);
    default: {
      const inner = "tokens" in token ? token.tokens : undefined;
      const spans = inner === undefined ? [{ text: "text" in token ? String(token.text) : token.raw }] : spansOf(inner);
      return wrapSpans(spans, columns, paint);
    }
  }
}

/** Rows with something before each of them, of two columns. */
function inset(look: Look, before: string, render: (inner: Look) => readonly string[]): readonly string[] {
  if (look.depth >= MAX_DEPTH) return render(look);
  const inner = { ...look, columns: Math.max(8, look.columns - 2), depth: look.depth + 1 };
  return render(inner).map((row) => `${before}${row}`);
}

function renderList({ items, ordered, start, loose }: Tokens.List, look: Look): readonly string[] {
  const first = typeof start === "number" ? start : 1;
  const marks = items.map(({ task, checked }, index) => {
    const mark = ordered ? `${first + index}. ` : "• ";
    return task ? `${mark}${checked ? "[x]" : "[ ]"} ` : mark;
  });
  const width = Math.max(...marks.map(widthOf));
  const inner =
    look.depth >= MAX_DEPTH ? look : { ...look, columns: Math.max(8, look.columns - width), depth: look.depth + 1 };
  return items.flatMap(({ tokens }, index) => {
    const rows = renderBlocks(tokens, inner, loose ? [""] : []);
    const marked = [...(rows.length === 0 ? [""] : rows)].map(
      (row, at) => `${at === 0 ? (marks[index] ?? "").padEnd(width) : " ".repeat(width)}${row}`,
    );
    return loose && index > 0 ? ["", ...marked] : marked;
  });
}

/** As a table where it fits, else each row as a list of its cells with their headings. */
function renderTable({ header, rows }: Tokens.Table, { columns, paint }: Look): readonly string[] {
  const plain = (cells: readonly Tokens.TableCell[]) => cells.map(({ tokens }) => plainOf(spansOf(tokens)));
  const [titles, ...lines] = [plain(header), ...rows.map(plain)];
  const widths = (titles ?? []).map((title, at) =>
    Math.max(widthOf(title), ...lines.map((line) => widthOf(line[at] ?? ""))),
  );
  const total = widths.reduce((sum, width) => sum + width + 3, -3);
  const pad = (text: string, at: number) => `${text}${" ".repeat(Math.max(0, (widths[at] ?? 0) - widthOf(text)))}`;
  if (total <= columns) {
    return [
      (titles ?? []).map((title, at) => paint("bold", pad(title, at))).join(" │ "),
      widths.map((width) => "─".repeat(width)).join("─┼─"),
      ...lines.map((line) => line.map(pad).join(" │ ").trimEnd()),
    ];
  }
  return lines.flatMap((line, index) => [
    ...(index > 0 ? [""] : []),
    ...line.flatMap((cell, at) =>
      wrapSpans([{ text: `${titles?.[at] ?? ""}: `, style: "bold" }, { text: cell }], columns, paint),
    ),
  ]);
}

function plainOf(spans: readonly Span[]): string {
  return spans
    .map(({ text }) => text)
    .join("")
    .replaceAll(/[\n\t]/g, " ");
}

type Styles = readonly ("bold" | "italic" | "underline" | "strikethrough" | "cyan" | "blue")[];

function spansOf(tokens: readonly Token[], styles: Styles = []): readonly Span[] {
  const span = (text: string, more: Styles = []): Span => {
    const all = [...styles, ...more];
    return all.length === 0 ? { text } : { text, style: [...all] };
  };
  return tokens.flatMap((token): readonly Span[] => {
    switch (token.type) {
      case "strong":
        return spansOf(token.tokens ?? [], [...styles, "bold"]);
      case "em":
        return spansOf(token.tokens ?? [], [...styles, "italic"]);
      case "del":
        return spansOf(token.tokens ?? [], [...styles, "strikethrough"]);
      case "codespan":
        return [span(token.text, ["cyan"])];
      case "checkbox":
        return [];
      case "br":
        return [span("\n")];
      case "link": {
        const { href, text } = token as Tokens.Link;
        const shown = spansOf(token.tokens ?? [], [...styles, "underline"]);
        return href === text || href === `mailto:${text}` ? shown : [...shown, span(` (${href})`, ["blue"])];
      }
      case "image":
        return [span(`${token.text === "" ? "picture" : token.text} (${token.href})`, ["blue"])];
      default:
        if ("tokens" in token && token.tokens !== undefined) return spansOf(token.tokens, styles);
        // A line break in the source is a space.
        return [span(("text" in token ? String(token.text) : token.raw).replaceAll("\n", " "))];
    }
  });
}
