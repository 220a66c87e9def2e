import type { Tokenizer } from "./backend.ts";
import { type ChatPrompt, chatVariables } from "./chat-variables.ts";
import type { ChatTemplate } from "./prompt.ts";

/** The tokens with which a template goes from the system text to the user's first message, from the first control token to the last one. */
export type Boundary = readonly number[];

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
  const text = parts.slice(first, last + 1).map((part) => part.text);
  const tokens = tokenizer.tokenize(text.join(""), true);
  // Parts at the ends may only look like control tokens' beginnings.
  const isWhole = [tokens.at(0), tokens.at(-1)].every((token) => token !== undefined && isControl(token, tokenizer));
  return isWhole ? tokens : undefined;
}

/**
 * How many of a prompt's first tokens are a head: all before the last token of the first boundary, which is the system text, the template's own if the
 * client has none. 0 where there is none, or a very short one.
 */
export function headTokensOf(tokens: readonly number[], boundary: Boundary | undefined): number {
  if (boundary === undefined) return 0;
  const at = tokens.findIndex((_, begin) => boundary.every((token, offset) => tokens[begin + offset] === token));
  const headTokens = at + boundary.length - 1;
  return at < 0 || headTokens < SHORTEST_HEAD_TOKENS ? 0 : headTokens;
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
