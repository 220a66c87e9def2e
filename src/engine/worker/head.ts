import type { ChatTemplate, Tokenizer } from "../contract/native.ts";
import { type ChatPrompt, chatVariables } from "./chat-variables.ts";

/** The tokens with which a template goes from the system text to the user's first message. */
export type Boundary = {
  /** From the first control token to the last one. */
  readonly control: readonly number[];
  /** The text after them, as it is where the message doesn't run into it: a message that begins with a newline may. */
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

/** A shorter head costs a call of its own, and saves less than it costs to find it in another slot. */
const SHORTEST_HEAD_TOKENS = 16;

/**
 * Finds what a template writes between a system text and a user's message. Undefined where it has no place for system texts, or no
 * control tokens: others could be cut in two by the text beside them.
 */
export function findBoundary(template: ChatTemplate, tokenizer: Tokenizer): Boundary | undefined {
  const between = renderBetween(template);
  const parts = between === undefined ? undefined : template.control.split(between);
  if (parts === undefined) return undefined;
  const first = parts.findIndex(({ suspicious }) => suspicious);
  const last = parts.findLastIndex(({ suspicious }) => suspicious);
  const join = (some: typeof parts) => some.map((part) => part.text).join("");
  const control = tokenizer.tokenize(join(parts.slice(first, last + 1)), true);
  // Parts at the ends may only look like control tokens' beginnings.
  const isWhole = [control.at(0), control.at(-1)].every((token) => token !== undefined && isControl(token, tokenizer));
  return isWhole ? { control, text: tokenizer.tokenize(join(parts.slice(last + 1)), false) } : undefined;
}

/**
 * How many of a prompt's first tokens are a head: the system text, the template's own if the client has none, and what leads from it to the first
 * message. 0 where there is none, or a very short one.
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
