import { z } from "zod";
import type { Prompt } from "../../generation/request.ts";
import { tooLong, tooShort, wrongType } from "../fields.ts";
import { findTokensFault, type Read, readAs, readEach, tokenIdsForm } from "../token-ids.ts";

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
export const prompts = readAs(
  z.union([promptForm, z.array(promptForm).min(1).max(MAX_PROMPTS)]).nullable(),
  readPrompts,
);

function readPrompts(value: unknown): Read<readonly NativePrompt[]> {
  // A list with a number in it is one prompt. Otherwise each element is a prompt.
  if (!Array.isArray(value) || value.some((part) => typeof part === "number")) {
    const read = readPrompt(value ?? "", []);
    return "fault" in read ? read : { value: [read.value] };
  }
  const read = readEach(value, MAX_PROMPTS, readPrompt);
  if ("fault" in read) return read;
  const parts = read.value.reduce((sum, prompt) => sum + (prompt.type === "mixed" ? prompt.parts.length : 0), 0);
  return parts > MAX_PARTS ? { fault: tooLong(value, MAX_PARTS) } : read;
}

function readPrompt(value: unknown, path: readonly number[]): Read<NativePrompt> {
  if (typeof value === "string") return { value: { type: "text", text: value.toWellFormed() } };
  const named = withString.safeParse(value);
  if (named.success) return { value: { type: "text", text: named.data.prompt_string.toWellFormed() } };
  if (!Array.isArray(value)) return { fault: wrongType(A_PROMPT, value, path) };
  if (value.length === 0) return { fault: tooShort(value, path) };
  if (value.every((part) => typeof part !== "string")) {
    const fault = findTokensFault(value, path);
    return fault === undefined ? { value: { type: "tokens", tokens: value.map(Number) } } : { fault };
  }
  return readMixed(value, path);
}

function readMixed(value: readonly unknown[], path: readonly number[]): Read<NativePrompt> {
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
  return parts.length > MAX_PARTS ? { fault: tooLong(value, MAX_PARTS, path) } : { value: { type: "mixed", parts } };
}
