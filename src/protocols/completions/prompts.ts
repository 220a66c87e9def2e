import { z } from "zod";
import { tooShort, wrongType } from "../fields.ts";
import { findTokensFault, type Read, readAs, readEach, tokenIdsForm } from "../token-ids.ts";

/** One prompt of a request. */
export type WirePrompt = string | readonly number[];

const MAX_PROMPTS = 128;

const A_PROMPT = "a string, array of strings, array of integers, or array of arrays of integers";

const promptsForm = z
  .union([
    z.string(),
    z.array(z.string()).min(1).max(MAX_PROMPTS),
    tokenIdsForm.min(1),
    z.array(tokenIdsForm.min(1)).min(1).max(MAX_PROMPTS),
  ])
  .nullable();

/**
 * `prompt`: a text, a list of texts, a list of token ids, or a list of such lists, told apart by the first element. Absent means the
 * beginning of a new document, as in OpenAI's API.
 */
export const prompts = readAs(promptsForm, readPrompts);

function readPrompts(value: unknown = ""): Read<readonly WirePrompt[]> {
  if (value === null) return { value: [""] };
  if (typeof value === "string") return { value: [value] };
  if (!Array.isArray(value)) return { fault: wrongType(`one of ${A_PROMPT}`, value) };
  if (typeof value[0] === "number") {
    const read = readList(value, []);
    return "fault" in read ? read : { value: [read.value] };
  }
  return readEach<WirePrompt>(value, MAX_PROMPTS, Array.isArray(value[0]) ? readList : readText);
}

function readText(value: unknown, path: readonly number[]): Read<string> {
  return typeof value === "string" ? { value } : { fault: wrongType("a string", value, path) };
}

function readList(value: unknown, path: readonly number[]): Read<readonly number[]> {
  if (!Array.isArray(value)) return { fault: wrongType("an array of integers", value, path) };
  const fault = value.length === 0 ? tooShort(value, path) : findTokensFault(value, path);
  return fault === undefined ? { value: value.map(Number) } : { fault };
}
