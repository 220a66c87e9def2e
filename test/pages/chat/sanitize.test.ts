import fc from "fast-check";
import { JSDOM } from "jsdom";
import { afterAll, describe, expect, it } from "vitest";
import { createBlockRenderer } from "../../../pages/chat/markdown/blocks.ts";
import { createSanitizer } from "../../../pages/chat/markdown/sanitize.ts";
import { HOSTILE_MARKDOWN } from "../../fixtures/hostile-markdown.ts";

const { window } = new JSDOM("");
const sanitizer = createSanitizer(window);

afterAll(() => window.close());

const TAGS = new Set(
  "p br hr h1 h2 h3 h4 h5 h6 blockquote ul ol li pre code em strong del a table thead tbody tr th td"
    .toUpperCase()
    .split(" "),
);
const ATTRIBUTES = new Set(["href", "title", "start", "align", "data-language", "rel", "target", "referrerpolicy"]);

/** Lists what shouldn't be there. */
function faultsOf(nodes: DocumentFragment): readonly string[] {
  return [...nodes.querySelectorAll("*")].flatMap((node) => [
    ...(TAGS.has(node.tagName) ? [] : [node.tagName]),
    ...[...node.attributes].filter(({ name }) => !ATTRIBUTES.has(name)).map(({ name }) => `${node.tagName} ${name}`),
    ...(node.hasAttribute("href") && !/^https?:\/\//i.test(node.getAttribute("href") ?? "") ? [node.outerHTML] : []),
    ...(node.hasAttribute("href") && node.getAttribute("rel") !== "noopener noreferrer nofollow"
      ? [node.outerHTML]
      : []),
  ]);
}

describe("what an answer becomes in the page", () => {
  it.each(Object.entries(HOSTILE_MARKDOWN))("is harmless if it has %s", (_, text) => {
    for (const isWhole of [true, false]) {
      for (const { html } of createBlockRenderer().render(text, isWhole))
        expect(faultsOf(sanitizer.markdown(html))).toEqual([]);
    }
  });

  it.each(Object.entries(HOSTILE_MARKDOWN))("is harmless even if %s came through as HTML", (_, html) => {
    expect(faultsOf(sanitizer.markdown(html))).toEqual([]);
    const colours = sanitizer.colours(html);
    expect([...colours.querySelectorAll("*")].filter(({ tagName }) => tagName !== "SPAN")).toEqual([]);
  });

  it("is harmless whatever markup is put together", () => {
    const part = fc.constantFrom(
      ...[
        "<",
        ">",
        '"',
        "'",
        "=",
        " ",
        "/",
        "\n",
        "`",
        "[",
        "](",
        ")",
        "!",
        "&#58;",
        "&lt;",
        "-->",
        "<!--",
        "]]>",
        "<![CDATA[",
      ],
      ...[
        "img",
        "svg",
        "math",
        "style",
        "script",
        "a",
        "p",
        "table",
        "template",
        "noscript",
        "iframe",
        "mglyph",
        "mtext",
      ],
      ...["src", "href", "onerror", "onload", "style", "class", "id", "xlink:href", "javascript:", "data:", "x"],
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        const text = parts.join("");
        expect(faultsOf(sanitizer.markdown(text))).toEqual([]);
        for (const { html } of createBlockRenderer().render(text, true)) {
          expect(faultsOf(sanitizer.markdown(html))).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("has links that lead to a new tab, which knows nothing of this one", () => {
    const [block] = createBlockRenderer().render("[a](https://example.com/b 'c')", true);
    const link = sanitizer.markdown(block?.html ?? "").querySelector("a");
    expect(link?.outerHTML).toBe(
      '<a href="https://example.com/b" title="c" rel="noopener noreferrer nofollow" target="_blank" referrerpolicy="no-referrer">a</a>',
    );
  });

  it("keeps the numbers of lists, the sides of cells and the language of code", () => {
    const html = createBlockRenderer()
      .render("3. a\n\n| b |\n|--:|\n| c |\n\n```ts\nd\n```", true)
      .map((block) => block.html)
      .join("");
    const nodes = sanitizer.markdown(html);
    expect(nodes.querySelector("ol")?.getAttribute("start")).toBe("3");
    expect(nodes.querySelector("td")?.getAttribute("align")).toBe("right");
    expect(nodes.querySelector("code")?.getAttribute("data-language")).toBe("ts");
  });

  it("keeps the classes of coloured code, and no other", () => {
    const html =
      '<span class="hljs-keyword">let</span> <span class="hljs-title function_">f</span> <span class="dialog">x</span>';
    const nodes = sanitizer.colours(html);
    expect([...nodes.querySelectorAll("span")].map(({ className }) => className)).toEqual([
      "hljs-keyword",
      "hljs-title function_",
      "",
    ]);
  });
});
