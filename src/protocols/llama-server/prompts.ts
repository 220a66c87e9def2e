import { z } from "zod";
import type { Prompt } from "../../generation/request.ts";
import { readLater } from "../fields.ts";
import { type Fault, findTokensFault, tokenIdsForm, tooLong, tooShort, wrongType } from "../token-ids.ts";

/** A prompt of texts and token ids. The model's vocabulary turns it into a list of ids. */
type MixedPrompt = { readonly type: "mixed"; readonly parts: readonly (string | readonly number[])[] };

export type NativePrompt = Extract<Prompt, { type: "text" | "tokens" | "infill" }> | MixedPrompt;

const MAX_PROMPTS = 128;
/** The most parts in all mixed prompts of a request. Each text is a call to the tokenizer. */
const MAX_PARTS = 1_024;

const A_PROMPT = "a string, an array of token ids and strings, or an array of such prompts";

// Multimodal data must be absent or empty.
const withString = z.object({ prompt_string: z.string(), multimodal_data: z.array(z.unknown()).max(0).nullish() });
const mixedForm = z.array(z.union([z.int().min(0), z.string()])).min(1);
const promptForm = z.union([z.string(), tokenIdsForm.min(1), mixedForm, z.object({ prompt_string: z.string() })]);

/** llama-server's `prompt`. Absent means the beginning of a new document. */
export const prompts = readLater(z.union([promptForm, z.array(promptForm).min(1).max(MAX_PROMPTS)]).nullable())
  .optional()
  .transform((value, context): readonly NativePrompt[] => {
    const read = readPrompts(value ?? "");
    if ("prompts" in read) return read.prompts;
    context.issues.push(read.fault);
    return z.NEVER;
  });

type Read = { readonly prompts: readonly NativePrompt[] } | { readonly fault: Fault };

function readPrompts(value: unknown): Read {
  // A list with a number in it is one prompt. Otherwise each element is a prompt.
  if (!Array.isArray(value) || value.some((part) => typeof part === "number")) return readPrompt(value, []);
  if (value.length === 0) return { fault: tooShort(value, []) };
  if (value.length > MAX_PROMPTS) return { fault: tooLong(value, MAX_PROMPTS, []) };
  const list: NativePrompt[] = [];
  for (const [index, element] of value.entries()) {
    const read = readPrompt(element, [index]);
    if ("fault" in read) return read;
    list.push(...read.prompts);
  }
  const parts = list.reduce((sum, prompt) => sum + (prompt.type === "mixed" ? prompt.parts.length : 0), 0);
  return parts > MAX_PARTS ? { fault: tooLong(value, MAX_PARTS, []) } : { prompts: list };
}

function readPrompt(value: unknown, path: readonly number[]): Read {
  if (typeof value === "string") return { prompts: [{ type: "text", text: value.toWellFormed() }] };
  const named = withString.safeParse(value);
  if (named.success) return { prompts: [{ type: "text", text: named.data.prompt_string.toWellFormed() }] };
  if (!Array.isArray(value)) return { fault: wrongType(A_PROMPT, value, path) };
  if (value.length === 0) return { fault: tooShort(value, path) };
  if (value.every((part) => typeof part !== "string")) {
    const fault = findTokensFault(value, path);
    return fault === undefined ? { prompts: [{ type: "tokens", tokens: value.map(Number) }] } : { fault };
  }
  return readMixed(value, path);
}

function readMixed(value: readonly unknown[], path: readonly number[]): Read {
  const fault = findTokensFault(
    value.map((part) => (typeof part === "string" ? 0 : part)),
    path,
  );
  if (fault !== undefined) return { fault };
  const parts: (string | number[])[] = [];
  for (const part of value) {
    const last = parts.at(-1);
    if (typeof part === "string") parts.push(part.toWellFormed());
    else if (Array.isArray(last)) last.push(Number(part));
    else parts.push([Number(part)]);
  }
  return parts.length > MAX_PARTS
    ? { fault: tooLong(value, MAX_PARTS, path) }
    : { prompts: [{ type: "mixed", parts }] };
}
