import createPurifier, { type Config, type DOMPurify, type WindowLike } from "dompurify";

/** The name of the Trusted Types policy: the only one that the pages may have (`src/http/pages.ts`). */
const POLICY = "dompurify";

/** What a link may lead to. */
const ADDRESS = /^https?:\/\//i;

const MARKDOWN: Config = {
  ALLOWED_TAGS: [
    ...["p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "pre", "code"],
    ...["em", "strong", "del", "a", "table", "thead", "tbody", "tr", "th", "td"],
  ],
  // No class, id, name or style: what an answer brings along must not look like, or be found as, a part of the page.
  ALLOWED_ATTR: ["href", "title", "start", "align", "data-language"],
  // DOMPurify takes every other value for an address.
  ADD_URI_SAFE_ATTR: ["start", "align", "data-language"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: ADDRESS,
  RETURN_DOM_FRAGMENT: true,
};

const COLOURS: Config = {
  ALLOWED_TAGS: ["span"],
  ALLOWED_ATTR: ["class"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/** Makes HTML safe. The result is nodes, not text: nothing parses it again, so nothing can read it differently. */
export type Sanitizer = {
  /** For what Markdown becomes. Links lead to http and https alone, to a new tab that knows nothing of this one. */
  readonly markdown: (html: string) => DocumentFragment;
  /** For the spans of coloured code. */
  readonly colours: (html: string) => DocumentFragment;
};

/** Creates a sanitizer. It uses the policy `POLICY` where the browser has Trusted Types. */
export function createSanitizer(window: WindowLike): Sanitizer {
  const policy = window.trustedTypes?.createPolicy(POLICY, {
    // DOMPurify parses with it, into a document without scripts; nobody else has this policy.
    createHTML: (html: string) => html,
    createScript: refuse,
    createScriptURL: refuse,
  });
  const trusted = policy === undefined ? {} : { TRUSTED_TYPES_POLICY: policy };
  return {
    markdown: withHook(createPurifier(window), { ...MARKDOWN, ...trusted }, secureLink),
    colours: withHook(createPurifier(window), { ...COLOURS, ...trusted }, keepColoursOnly),
  };
}

function withHook(
  purifier: DOMPurify,
  config: Config,
  hook: (node: Element) => void,
): (html: string) => DocumentFragment {
  purifier.addHook("afterSanitizeAttributes", hook);
  return (html) => purifier.sanitize(html, { ...config, RETURN_DOM_FRAGMENT: true });
}

function refuse(): never {
  throw new TypeError("Answers have no scripts.");
}

function secureLink(node: Element): void {
  if (node.nodeName !== "A" || !node.hasAttribute("href")) return;
  // DOMPurify lets an empty address through, which is that of the page itself.
  if (!ADDRESS.test(node.getAttribute("href") ?? "")) {
    node.removeAttribute("href");
    return;
  }
  node.setAttribute("rel", "noopener noreferrer nofollow");
  node.setAttribute("target", "_blank");
  node.setAttribute("referrerpolicy", "no-referrer");
}

function keepColoursOnly(node: Element): void {
  const classes = node.getAttribute("class");
  if (classes !== null && !/^(?:hljs-[\w-]+(?: [\w-]+_)*)$/.test(classes)) node.removeAttribute("class");
}
