import { type Prompt, type Tool, textsOfInfill } from "../../generation/request.ts";
import type { TextQuery } from "../contract/messages.ts";

/**
 * About what a question about text costs to answer, in characters of plain text: a million of them take about half a second of one core.
 * Found without reading any of the text.
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

/** The same for reading a prompt: rendering it, and taking it apart into tokens. */
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

/** What a piece's own bytes take to find: measured, 1.2 µs. */
const CHARACTERS_PER_SPELLING = 4;
/** What a value, such as a message's field, takes to hide, render and write again besides its text. */
const CHARACTERS_PER_VALUE = 16;

/** Nesting doesn't matter: nobody knows yet whether the value can be had at all. */
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
