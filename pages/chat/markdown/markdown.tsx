import "./markdown.css";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { copyText } from "../parts/copy.ts";
import { type Block, createBlockRenderer } from "./blocks.ts";
import { createSanitizer } from "./sanitize.ts";

const sanitizer = createSanitizer(window);

/** A text in Markdown, which may still grow. Only blocks that change are rendered anew. */
export function Markdown({ text, isWhole }: { readonly text: string; readonly isWhole: boolean }) {
  const renderer = useMemo(createBlockRenderer, []);
  const blocks = renderer.render(text, isWhole);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the buttons of code blocks are inside
    // biome-ignore lint/a11y/useKeyWithClickEvents: buttons are clicked by keys, too
    <div class="markdown" onClick={copyCode}>
      {blocks.map((block, index) => (
        // A block's place is what it is.
        // biome-ignore lint/suspicious/noArrayIndexKey: blocks are only added, and the last ones changed
        <BlockView key={index} block={block} isSettled={isWhole || index < blocks.length - 2} />
      ))}
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

function copyCode(event: MouseEvent): void {
  const button = event.target instanceof Element ? event.target.closest(".code-copy") : null;
  const code = button?.closest(".code-block")?.querySelector("code")?.textContent;
  if (button === null || code === undefined || code === null) return;
  void copyText(code).then((isCopied) => {
    button.textContent = isCopied ? "Copied" : "Can't copy";
    button.addEventListener("pointerleave", () => (button.textContent = "Copy"), { once: true });
    button.addEventListener("blur", () => (button.textContent = "Copy"), { once: true });
  });
}
