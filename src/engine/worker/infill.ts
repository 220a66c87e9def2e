import type { Prompt, PromptFile } from "../../generation/request.ts";
import type { InfillTokens } from "../contract/native.ts";
import { MAX_CHARS_PER_TOKEN } from "../llama/long-text.ts";

type InfillPrompt = Extract<Prompt, { type: "infill" }>;

/** Tokenizes a text; no spelling becomes a control token. */
export type Tokenize = (text: string) => readonly number[];

/** The share of the context for a prompt that is cut; the rest is for the answer. */
const PROMPT_SHARE = 3 / 4;
/** The share of the room for prefix and suffix that the suffix always gets. */
const SUFFIX_SHARE = 1 / 4;

/** The names that llama-server writes if the repository's and the file's are unknown. */
const REPOSITORY = "myproject\n";
const CURRENT_FILE = "filename\n";
const SNIPPET = "\n\n--- snippet ---\n\n";

/**
 * A prompt for filling in the middle of a file, after pieces of other files, in the order of llama-server. Each piece follows the model's
 * token for a file or, without one, a separating line. If the prompt is too long, it omits the first files and the text farthest from the
 * gap.
 */
export function encodeInfill(
  { prefix, suffix, files = [] }: InfillPrompt & { readonly files: readonly PromptFile[] },
  infill: InfillTokens,
  tokenize: Tokenize,
  contextTokens: number,
): readonly number[] {
  const { repository, file } = infill;
  const head = repository === undefined ? [] : [repository, ...tokenize(REPOSITORY)];
  const current = file === undefined ? [] : [file, ...tokenize(CURRENT_FILE)];
  const room = Math.max(Math.floor(contextTokens * PROMPT_SHARE) - head.length - current.length - 3, 0);
  const chars = room * MAX_CHARS_PER_TOKEN;
  const before = tokenize(prefix.slice(Math.max(prefix.length - chars, 0)).toWellFormed());
  const after = tokenize(suffix.slice(0, chars).toWellFormed());
  const afterCount = Math.min(after.length, Math.max(room - before.length, Math.floor(room * SUFFIX_SHARE)));
  const beforeCount = Math.min(before.length, room - afterCount);
  const extra = fittingFiles(files, room - beforeCount - afterCount, infill, tokenize);
  return [
    ...head,
    ...extra,
    ...current,
    infill.prefix,
    ...before.slice(before.length - beforeCount),
    infill.suffix,
    ...after.slice(0, afterCount),
    infill.middle,
  ];
}

/** As many of the last files as fit. */
function fittingFiles(
  files: readonly PromptFile[],
  room: number,
  { file }: InfillTokens,
  tokenize: Tokenize,
): readonly number[] {
  let fitting: readonly number[] = [];
  for (const { name, text } of files.toReversed()) {
    if (text.length + name.length > (room - fitting.length) * MAX_CHARS_PER_TOKEN) break;
    const tokens = file === undefined ? tokenize(SNIPPET + text) : [file, ...tokenize(`${name}\n`), ...tokenize(text)];
    if (tokens.length > room - fitting.length) break;
    fitting = [...tokens, ...fitting];
  }
  return fitting;
}
