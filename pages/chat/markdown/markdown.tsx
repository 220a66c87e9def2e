import "./markdown.css";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { InPlace } from "../../frame/in-place.tsx";
import { copyText } from "../parts/copy.ts";
import { type Block, createBlockRenderer } from "./blocks.ts";
import { createSanitizer } from "./sanitize.ts";

const sanitizer = createSanitizer(window);

/** A text in Markdown, which may still grow. Only blocks that change are rendered anew. */
export function Markdown({ text, isWhole }: { readonly text: string; readonly isWhole: boolean }) {
  const renderer = useMemo(createBlockRenderer, []);
  const blocks = renderer.render(text, isWhole);
  return (
    <div class="markdown">
      <InPlace items={blocks}>
        {(block, place) => <BlockView block={block} isSettled={isWhole || place < blocks.length - 2} />}
      </InPlace>
    </div>
  );
}

function BlockView({ block, isSettled }: { readonly block: Block; readonly isSettled: boolean }) {
  const place = useRef<HTMLDivElement>(null);
  const { html } = block;
  useLayoutEffect(() => {
    const nodes = sanitizer.markdown(html);
    dress(nodes);
    place.current?.replaceChildren(nodes);
  }, [html]);
  useLayoutEffect(() => {
    if (isSettled && html.includes("<pre>") && place.current !== null) void colour(place.current);
  }, [html, isSettled]);
  return <div ref={place} />;
}

/** Gives code a head with a button, and wide tables room of their own. */
function dress(nodes: DocumentFragment): void {
  for (const pre of nodes.querySelectorAll("pre")) {
    const language = pre.querySelector("code")?.dataset.language ?? "";
    const head = document.createElement("div");
    head.className = "code-head";
    const name = document.createElement("span");
    name.textContent = language;
    const copy = document.createElement("button");
    copy.type = "button";
    copy.className = "code-copy";
    copy.textContent = "Copy";
    copy.addEventListener("click", () => copyCode(copy, pre));
    copy.setAttribute("aria-label", language === "" ? "Copy the code" : `Copy the ${language} code`);
    head.append(name, copy);
    const block = document.createElement("div");
    block.className = "code-block";
    // What scrolls must be reachable by keyboard.
    pre.tabIndex = 0;
    pre.replaceWith(block);
    block.append(head, pre);
  }
  for (const table of nodes.querySelectorAll("table")) {
    const room = document.createElement("div");
    room.className = "table-scroll";
    room.tabIndex = 0;
    table.replaceWith(room);
    room.append(table);
  }
}

/** Colours code that won't change any more. What does that is loaded when the first code with a language is there. */
async function colour(place: HTMLElement): Promise<void> {
  for (const code of place.querySelectorAll("pre > code")) {
    const language = code instanceof HTMLElement ? (code.dataset.language ?? "") : "";
    if (language === "" || code.childElementCount > 0) continue;
    const source = code.textContent ?? "";
    const { highlight } = await import("./highlight.ts");
    const html = highlight(source, language);
    // It may have become another while the code was loading.
    if (html !== undefined && code.isConnected && code.textContent === source)
      code.replaceChildren(sanitizer.colours(html));
  }
}

function copyCode(button: HTMLButtonElement, pre: HTMLPreElement): void {
  void copyText(pre.textContent ?? "").then((isCopied) => {
    button.textContent = isCopied ? "Copied" : "Can't copy";
    button.addEventListener("pointerleave", () => (button.textContent = "Copy"), { once: true });
    button.addEventListener("blur", () => (button.textContent = "Copy"), { once: true });
  });
}
