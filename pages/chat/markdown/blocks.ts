import { Marked, type Token } from "marked";
import remend from "remend";

/** A block of Markdown as HTML that isn't safe yet, and its source. */
export type Block = { readonly source: string; readonly html: string };

/** Renders a text that grows. Blocks that can't change any more are the same objects as before. */
export type BlockRenderer = {
  /** @param isWhole whether nothing follows: only then is the text taken as it is */
  readonly render: (text: string, isWhole: boolean) => readonly Block[];
};

/** A longer block is shown as it is: the parser's time grows faster than the text in the worst case. */
const MAX_BLOCK_CHARS = 100_000;

const LANGUAGE = /^[\w+#.-]{1,40}/;

const marked = new Marked({
  gfm: true,
  renderer: {
    // HTML in an answer is text about HTML, or an attempt; in both cases it should be seen.
    html: ({ text }) => (/^<br\s*\/?>$/i.test(text.trim()) ? "<br>" : escapeHtml(text)),
    // Nothing is loaded because a model says so: a picture is a link to it.
    image: ({ href, text }) =>
      `<a href="${escapeHtml(href)}">${escapeHtml(text === "" ? "picture" : `picture: ${text}`)}</a>`,
    code({ text, lang }) {
      const language = LANGUAGE.exec(lang ?? "")?.[0] ?? "";
      return `<pre><code data-language="${escapeHtml(language)}">${escapeHtml(text)}</code></pre>`;
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** Creates a renderer for one text. */
export function createBlockRenderer(): BlockRenderer {
  let settled: Block[] = [];
  let settledText = "";
  let whole: readonly Block[] | undefined;

  return {
    render(given, isWhole) {
      const text = given.replaceAll(/\r\n?/g, "\n");
      if (isWhole) {
        if (whole === undefined || sourceOf(whole) !== text) whole = keepSame(renderAll(text), whole ?? settled);
        return whole;
      }
      whole = undefined;
      if (!text.startsWith(settledText)) {
        settled = [];
        settledText = "";
      }
      const blocks = split(text.slice(settledText.length));
      // The last block may still grow, and the one before it may take the last one in: a list, its next item.
      const closed = blocks.slice(0, Math.max(0, indexOfOpen(blocks)));
      if (closed.length > 0) {
        settled = [...settled, ...closed.map(toBlock)];
        settledText += closed.map(({ raw }) => raw).join("");
      }
      const rest = text.slice(settledText.length);
      return rest === "" ? settled : [...settled, ...renderAll(rest.length > MAX_BLOCK_CHARS ? rest : remend(rest))];
    },
  };
}

/** The index of the last but one block that isn't white space. */
function indexOfOpen(blocks: readonly Token[]): number {
  const last = blocks.findLastIndex(({ type }) => type !== "space");
  return blocks.slice(0, Math.max(0, last)).findLastIndex(({ type }) => type !== "space");
}

function split(text: string): readonly Token[] {
  if (text.length > MAX_BLOCK_CHARS) return [];
  const tokens = marked.lexer(text);
  // Blocks can only be told apart if together they are the text.
  return tokens.map(({ raw }) => raw).join("") === text ? tokens : [];
}

/** Renders a text whole, so that links defined at its end work in all of it. */
function renderAll(text: string): readonly Block[] {
  if (text.length <= MAX_BLOCK_CHARS) return marked.lexer(text).map(toBlock);
  // A long text is cut at its blank lines, and a part that is still too long is shown as it is.
  return text
    .split(/(?<=\n\n)/)
    .flatMap((part) =>
      part.length > MAX_BLOCK_CHARS
        ? [{ source: part, html: `<pre><code>${escapeHtml(part)}</code></pre>` }]
        : marked.lexer(part).map(toBlock),
    );
}

function toBlock(token: Token): Block {
  return { source: token.raw, html: token.type === "space" || token.type === "def" ? "" : marked.parser([token]) };
}

function sourceOf(blocks: readonly Block[]): string {
  return blocks.map(({ source }) => source).join("");
}

function keepSame(blocks: readonly Block[], before: readonly Block[]): readonly Block[] {
  return blocks.map((block, index) => {
    const old = before[index];
    return old !== undefined && old.html === block.html && old.source === block.source ? old : block;
  });
}

function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
