import { z } from "zod";
import { readLater } from "../fields.ts";
import { type Fault, findTokensFault, tokenIdsForm, tooLong, tooShort, wrongType } from "../token-ids.ts";

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
export const prompts = readLater(promptsForm)
  .optional()
  .transform((value, context): readonly WirePrompt[] => {
    const read = readPrompts(value ?? "");
    if ("prompts" in read) return read.prompts;
    context.issues.push(read.fault);
    return z.NEVER;
  });

type Read = { readonly prompts: readonly WirePrompt[] } | { readonly fault: Fault };

function readPrompts(value: unknown): Read {
  if (typeof value === "string") return { prompts: [value] };
  if (!Array.isArray(value)) return { fault: wrongType(`one of ${A_PROMPT}`, value, []) };
  if (typeof value[0] === "number") return readList(value, []);

  if (value.length === 0) return { fault: tooShort(value, []) };
  if (value.length > MAX_PROMPTS) return { fault: tooLong(value, MAX_PROMPTS, []) };
  const kind = Array.isArray(value[0]) ? readList : readText;
  const list: WirePrompt[] = [];
  for (const [index, element] of value.entries()) {
    const read = kind(element, [index]);
    if ("fault" in read) return read;
    list.push(...read.prompts);
  }
  return { prompts: list };
}

function readText(value: unknown, path: readonly number[]): Read {
  return typeof value === "string" ? { prompts: [value] } : { fault: wrongType("a string", value, path) };
}

function readList(value: unknown, path: readonly number[]): Read {
  if (!Array.isArray(value)) return { fault: wrongType("an array of integers", value, path) };
  const fault = value.length === 0 ? tooShort(value, path) : findTokensFault(value, path);
  return fault === undefined ? { prompts: [value.map(Number)] } : { fault };
}
