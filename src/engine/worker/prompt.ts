import { randomUUID } from "node:crypto";
import type { Message } from "../../generation/request.ts";
import type { Tokenizer } from "./backend.ts";

/** A model's chat template, compiled. */
export type ChatTemplate = {
  /** Throws what the template raises, for example for roles that it does not take. */
  render(messages: readonly Message[]): string;
  /** The spellings of the vocabulary's control tokens, such as `<|im_end|>`. */
  readonly controlTokens: readonly string[];
  /** Set where the vocabulary wants every text to begin with this token. */
  readonly beginToken: number | undefined;
};

/**
 * Renders a conversation and tokenizes it, such that only the template can make control tokens: what a message says stays text.
 *
 * In the common case, no message could be taken for a control token and the rendered text is tokenized as one. Otherwise the
 * template is rendered with a placeholder for each suspicious message, cut at the placeholders, and the messages are tokenized
 * apart with control tokens off.
 *
 * @throws whatever the template raises
 */
export function encodeConversation(
  messages: readonly Message[],
  template: ChatTemplate,
  tokenizer: Tokenizer,
): number[] {
  const placeholders = new Map<string, string>();
  const disguised = messages.map((message) => {
    const content = hide(message.content, template.controlTokens, placeholders);
    if (message.name === undefined) return { ...message, content };
    return { ...message, content, name: hide(message.name, template.controlTokens, placeholders) };
  });
  const rendered = template.render(disguised);
  const tokens = [...tokenizeParts(rendered, placeholders, tokenizer)];
  const { beginToken } = template;
  return beginToken === undefined || tokens[0] === beginToken ? tokens : [beginToken, ...tokens];
}

function hide(text: string, controlTokens: readonly string[], placeholders: Map<string, string>): string {
  if (!mayBecomeControl(text, controlTokens)) return text;
  const placeholder = randomUUID();
  placeholders.set(placeholder, text);
  return placeholder;
}

/**
 * Whether `text` has a control token's spelling in it, or begins or ends with a part of one, which the template's own text beside
 * it could complete.
 */
export function mayBecomeControl(text: string, controlTokens: readonly string[]): boolean {
  return controlTokens.some(
    (token) => text.includes(token) || beginsOneThatEnds(text, token) || beginsOneThatEnds(token, text),
  );
}

/** Whether some proper end of `a` is a proper beginning of `b`. */
function beginsOneThatEnds(a: string, b: string): boolean {
  for (let length = Math.min(a.length, b.length - 1); length > 0; length--) {
    if (b.startsWith(a.slice(a.length - length))) return true;
  }
  return false;
}

function* tokenizeParts(rendered: string, placeholders: ReadonlyMap<string, string>, tokenizer: Tokenizer) {
  if (placeholders.size === 0) {
    yield* tokenizer.tokenize(rendered, true);
    return;
  }
  // A template may leave a message out or show it twice, so the placeholders are looked for, not counted.
  const borders = new RegExp(`(${[...placeholders.keys()].join("|")})`);
  for (const part of rendered.split(borders)) {
    const hidden = placeholders.get(part);
    if (hidden !== undefined) yield* tokenizer.tokenize(hidden, false);
    else if (part !== "") yield* tokenizer.tokenize(part, true);
  }
}
