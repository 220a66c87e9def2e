import type { ChatTemplate, Tokenizer } from "../contract/native.ts";
import { type ChatPrompt, chatVariables } from "./chat-variables.ts";

/** The tokens between a template's system text and the user's first message. */
export type Boundary = {
  /** From the first control token to the last one. */
  readonly control: readonly number[];
  /** The text after them. It may differ in a prompt whose message begins with a newline. */
  readonly text: readonly number[];
};

const SYSTEM = "sluicesystemtext";
const USER = "sluiceusertext";
const PROBE: ChatPrompt = {
  type: "chat",
  messages: [
    { role: "system", content: SYSTEM },
    { role: "user", content: USER },
  ],
};

/** A shorter head isn't worth the separate call. */
const SHORTEST_HEAD_TOKENS = 16;

/**
 * Finds what a template writes between a system text and a user's message. Undefined if the template has no system text, or no control
 * tokens there: ordinary tokens could merge with adjacent text.
 */
export function findBoundary(template: ChatTemplate, tokenizer: Tokenizer): Boundary | undefined {
  const between = renderBetween(template);
  const parts = between === undefined ? undefined : template.control.split(between);
  if (parts === undefined) return undefined;
  const first = parts.findIndex(({ suspicious }) => suspicious);
  const last = parts.findLastIndex(({ suspicious }) => suspicious);
  const join = (some: typeof parts) => some.map((part) => part.text).join("");
  const control = tokenizer.tokenize(join(parts.slice(first, last + 1)), true);
  // The parts at both ends may be only the beginnings of spellings.
  const isWhole = [control.at(0), control.at(-1)].every((token) => token !== undefined && isControl(token, tokenizer));
  return isWhole ? { control, text: tokenizer.tokenize(join(parts.slice(last + 1)), false) } : undefined;
}

/**
 * The length of a prompt's head in tokens: the system text (the client's or the template's own) and the boundary up to the first message. 0
 * if there is no head or a very short one.
 */
export function headTokensOf(tokens: readonly number[], boundary: Boundary | undefined): number {
  if (boundary === undefined) return 0;
  const { control, text } = boundary;
  const at = tokens.findIndex((_, begin) => isAt(tokens, begin, control));
  if (at < 0) return 0;
  const begin = at + control.length;
  const headTokens = isAt(tokens, begin, text) ? begin + text.length : begin;
  return headTokens < SHORTEST_HEAD_TOKENS || headTokens >= tokens.length ? 0 : headTokens;
}

function isAt(tokens: readonly number[], begin: number, part: readonly number[]): boolean {
  return part.every((token, offset) => tokens[begin + offset] === token);
}

function renderBetween(template: ChatTemplate): string | undefined {
  let rendered: string;
  try {
    rendered = template.render(chatVariables(PROBE, []));
  } catch {
    return undefined;
  }
  const systemAt = rendered.indexOf(SYSTEM);
  const userAt = rendered.indexOf(USER);
  return systemAt < 0 || userAt < systemAt ? undefined : rendered.slice(systemAt + SYSTEM.length, userAt);
}

function isControl(token: number, tokenizer: Tokenizer): boolean {
  return tokenizer.detokenize([token]) === "" && tokenizer.detokenize([token], true) !== "";
}
