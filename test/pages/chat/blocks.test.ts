import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBlockRenderer } from "../../../pages/chat/markdown/blocks.ts";

function htmlOf(text: string): string {
  return createBlockRenderer()
    .render(text, true)
    .map(({ html }) => html)
    .join("");
}

describe("Markdown", () => {
  it("becomes HTML", () => {
    expect(htmlOf("# A\n\n**b** and `c`\n\n- d\n- e")).toBe(
      "<h1>A</h1>\n<p><strong>b</strong> and <code>c</code></p>\n<ul>\n<li>d</li>\n<li>e</li>\n</ul>\n",
    );
  });

  it("shows HTML as text", () => {
    expect(htmlOf("<script>alert(1)</script>")).not.toContain("<script");
    expect(htmlOf('a <b onclick="x()">b</b>')).toContain("&lt;b onclick=&quot;x()&quot;&gt;b&lt;/b&gt;");
    expect(htmlOf("a<br>b")).toContain("a<br>b");
  });

  it("makes a link of a picture", () => {
    expect(htmlOf("![a cat](https://example.com/cat.png)")).toContain(
      '<a href="https://example.com/cat.png">picture: a cat</a>',
    );
  });

  it("names the language of code, as far as it is a name", () => {
    expect(htmlOf("```ts\nlet a;\n```")).toBe('<pre><code data-language="ts">let a;</code></pre>');
    expect(htmlOf('```"><img src=x>\na\n```')).toBe('<pre><code data-language="">a</code></pre>');
  });

  it("closes what is half written, as long as more may come", () => {
    const renderer = createBlockRenderer();
    const half = renderer.render("some **bold", false).map(({ html }) => html);
    expect(half.join("")).toBe("<p>some <strong>bold</strong></p>\n");
    expect(
      renderer
        .render("some **bold", true)
        .map(({ html }) => html)
        .join(""),
    ).toBe("<p>some **bold</p>\n");
  });

  it("renders only its end anew while it grows", () => {
    const renderer = createBlockRenderer();
    const before = renderer.render("one\n\ntwo\n\nthree\n\nfo", false);
    const after = renderer.render("one\n\ntwo\n\nthree\n\nfour", false);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toBe(before[1]);
    expect(after.at(-1)?.html).toBe("<p>four</p>\n");
    const whole = renderer.render("one\n\ntwo\n\nthree\n\nfour", true);
    expect(whole[0]).toBe(before[0]);
  });

  it("knows links that are defined at the end, once it is whole", () => {
    expect(htmlOf("see [a]\n\nmore\n\n[a]: https://example.com")).toContain('<a href="https://example.com">a</a>');
  });

  it("ends as it would have been if it had come at once, however it is cut", () => {
    const piece = fc.constantFrom(
      ...[
        "word ",
        "**",
        "*",
        "`",
        "```\n",
        "```ts\n",
        "\n",
        "\n\n",
        "- a\n",
        "1. b\n",
        "# h\n",
        "> q\n",
        "| a | b |\n",
        "|---|---|\n",
      ],
      ...[
        "    code\n",
        "<div>",
        "</div>\n",
        "[l](https://e.com)",
        "![p](x)",
        "---\n",
        "\r\n",
        "&amp;",
        "\\*",
        "~~",
        "- [x] t\n",
        "🙂",
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const renderer = createBlockRenderer();
        let text = "";
        for (const each of pieces) {
          text += each;
          renderer.render(text, false);
        }
        expect(renderer.render(text, true).map(({ html }) => html)).toEqual(
          createBlockRenderer()
            .render(text, true)
            .map(({ html }) => html),
        );
      }),
    );
  });

  it("shows settled blocks as they will be, however the text is cut", () => {
    const paragraph = fc.constantFrom(
      "one",
      "- a\n- b",
      "1. a\n2. b",
      "```js\nlet a;\n\nlet b;\n```",
      "> q\n> r",
      "# h",
      "| a |\n|---|\n| 1 |",
      "**b** `c`",
    );
    fc.assert(
      fc.property(
        fc.array(paragraph, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        (blocks, step) => {
          const text = blocks.join("\n\n");
          const renderer = createBlockRenderer();
          for (let at = step; at < text.length; at += step) renderer.render(text.slice(0, at), false);
          expect(
            renderer
              .render(text, false)
              .map(({ html }) => html)
              .join(""),
          ).toBe(htmlOf(text));
        },
      ),
    );
  });

  it("takes a time that grows with the text, not faster", () => {
    const renderer = createBlockRenderer();
    const block = `${"word ".repeat(60)}\n\n`;
    let text = "";
    for (let count = 0; count < 400; count += 1) {
      text += block;
      const blocks = renderer.render(text, false);
      // All but the last two are as they were.
      expect(blocks.length).toBeGreaterThan(count);
    }
    const before = renderer.render(text, false);
    const after = renderer.render(`${text}x`, false);
    const kept = after.filter((each, index) => each === before[index]).length;
    expect(kept).toBeGreaterThan(2 * 400 - 8);
  });

  it("shows a block as it is that is too long to be parsed", () => {
    const long = "[".repeat(150_000);
    expect(htmlOf(`start\n\n${long}`)).toBe(`<p>start</p>\n<pre><code>${long}</code></pre>`);
  });
});
