import { randomUUID } from "node:crypto";
import type { Message, Prompt } from "../../generation/request.ts";
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
 * The tokens of whatever a request goes on from.
 *
 * @throws whatever the template raises, or when the model can't take such a prompt
 */
export function encodePrompt(prompt: Prompt, template: ChatTemplate, tokenizer: Tokenizer): number[] {
  switch (prompt.type) {
    case "chat":
      return encodeConversation(prompt.messages, template, tokenizer);
    case "text":
      return withBeginToken([...tokenizer.tokenize(prompt.text, true)], template);
    case "tokens":
      return [...prompt.tokens];
    case "infill":
      throw new Error("This model can't fill in the middle.");
  }
}

/** The first characters of all that the prompt says, at most about so many. */
export function leadingText(prompt: Prompt, limitChars: number): string {
  const pieces = textsOf(prompt).map((text) => text.slice(0, limitChars));
  return pieces.join("\n").slice(0, limitChars);
}

function textsOf(prompt: Prompt): readonly string[] {
  switch (prompt.type) {
    case "chat":
      return prompt.messages.map(({ content }) => content);
    case "text":
      return [prompt.text];
    case "tokens":
      return [];
    case "infill":
      return [prompt.prefix, prompt.suffix];
  }
}

function withBeginToken(tokens: number[], { beginToken }: ChatTemplate): number[] {
  return beginToken === undefined || tokens[0] === beginToken ? tokens : [beginToken, ...tokens];
}

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
  return withBeginToken([...tokenizeParts(rendered, placeholders, tokenizer)], template);
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
