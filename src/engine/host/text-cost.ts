import { type Prompt, type Tool, textsOfInfill } from "../../generation/request.ts";
import type { TextQuery } from "../contract/messages.ts";

/**
 * The estimated cost of a query about text, in characters of plain text. A million characters take one core about half a second. The
 * estimate doesn't read the text.
 */
export function costOf(query: TextQuery): number {
  switch (query.type) {
    case "tokenize":
      return query.text.length;
    case "detokenize":
      return query.tokens.length;
    case "spell":
      return query.tokens.length * CHARACTERS_PER_SPELLING;
    default:
      return costOfPrompt(query.prompt, query.tools);
  }
}

/** The estimated cost of rendering and tokenizing a prompt. */
export function costOfPrompt(prompt: Prompt, tools: readonly Tool[]): number {
  switch (prompt.type) {
    case "text":
      return prompt.text.length;
    case "tokens":
      return prompt.tokens.length;
    case "infill":
      return textsOfInfill(prompt).reduce((sum, text) => sum + text.length, 0);
    case "chat":
      return sizeOf([prompt.messages, prompt.templateArguments, tools]);
  }
}

/** The cost of finding one token's bytes: 1.2 µs, measured. */
const CHARACTERS_PER_SPELLING = 4;
/** The fixed cost of rendering a value, such as a field of a message. */
const CHARACTERS_PER_VALUE = 16;

/** Not recursive, because the depth of the value hasn't been checked yet. */
function sizeOf(whole: unknown): number {
  const waiting: unknown[] = [whole];
  let size = 0;
  for (let value = waiting.pop(); value !== undefined || waiting.length > 0; value = waiting.pop()) {
    size += CHARACTERS_PER_VALUE;
    if (typeof value === "string") size += value.length;
    if (typeof value !== "object" || value === null) continue;
    for (const [key, each] of Object.entries(value)) {
      size += Array.isArray(value) ? 0 : key.length;
      waiting.push(each);
    }
  }
  return size;
}
