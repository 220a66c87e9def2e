import { z } from "zod";
import { jsonText } from "./json-text.ts";

/** More edits at once are nothing that somebody would read before saying yes. */
const MAX_EDITS = 16;
const MAX_LINES = 5_000;
const MAX_EXPLANATION = 400;

/** Lines of a file, and the lines that take their place. An empty `search` stands for the file's end. */
export type Edit = { readonly path: string; readonly search: readonly string[]; readonly replace: readonly string[] };

export type Proposal = { readonly explanation: string; readonly edits: readonly Edit[] };

/** Edits that can't be used. The message says why, to the user and to the model. */
export class EditError extends Error {
  override readonly name = "EditError";
}

/** The form in which a model proposes edits of these files. A model that is held to it can name no other. */
export function editSchema(paths: readonly string[]): object {
  const lines = { type: "array", items: { type: "string" } };
  const edit = {
    type: "object",
    properties: { path: { type: "string", enum: paths }, search: lines, replace: lines },
    required: ["path", "search", "replace"],
    additionalProperties: false,
  };
  return {
    type: "object",
    properties: {
      explanation: { type: "string", maxLength: MAX_EXPLANATION },
      edits: { type: "array", items: edit, maxItems: MAX_EDITS },
    },
    required: ["explanation", "edits"],
    additionalProperties: false,
  };
}

/** Models put line breaks into lines; an empty line stays one. */
const lines = z
  .array(z.string())
  .max(MAX_LINES)
  .transform((all) => all.flatMap((line) => line.replace(/\r?\n$/, "").split(/\r?\n/)))
  .refine((all) => all.length <= MAX_LINES, { error: `more than ${MAX_LINES} lines` });

const proposalSchema = jsonText.pipe(
  z.object({
    explanation: z.string(),
    edits: z.array(z.object({ path: z.string(), search: lines, replace: lines })).max(MAX_EDITS),
  }),
);

/** Reads a model's answer, which may be between fences. Throws an EditError if it has another form than `editSchema`. */
export function parseProposal(answer: string): Proposal {
  const { fenced } = /^\s*```(?:json)?\s*\n(?<fenced>.*)\n```\s*$/s.exec(answer)?.groups ?? {};
  const { data, error } = proposalSchema.safeParse(fenced ?? answer);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  const at = issue?.path.join(".");
  throw new EditError(`The answer has another form than was asked for: ${at ? `${at}: ` : ""}${issue?.message}.`);
}

type Line = { readonly text: string; readonly end: string };

/**
 * A file's text after edits, one after another. Its kind of line breaks, and whether the last line has one, stay. Throws an EditError for lines that
 * are not there, or there more than once, and where nothing changes.
 */
export function applyEdits(path: string, text: string, edits: readonly Omit<Edit, "path">[]): string {
  const end = /\r?\n/.exec(text)?.[0] ?? "\n";
  const edited = edits.reduce((lines, edit) => applyEdit(path, lines, edit, end), linesOf(text));
  const hasEnd = text === "" || text.endsWith("\n");
  const after = edited
    .map((line, index) => {
      const isLast = index === edited.length - 1;
      return isLast && !hasEnd ? line.text : `${line.text}${line.end || end}`;
    })
    .join("");
  if (after === text) throw new EditError(`The edits change nothing in ${path}.`);
  return after;
}

function applyEdit(path: string, lines: readonly Line[], { search, replace }: Omit<Edit, "path">, end: string) {
  const added = replace.map((text): Line => ({ text, end }));
  if (search.length === 0) return [...lines, ...added];
  const at = findOnce(path, lines, search);
  return [...lines.slice(0, at), ...added, ...lines.slice(at + search.length)];
}

/** Where the lines stand: as they are, else but for blanks at their ends, which models lose. */
function findOnce(path: string, lines: readonly Line[], search: readonly string[]): number {
  for (const look of [(text: string) => text, (text: string) => text.trimEnd()]) {
    const wanted = search.map(look);
    const there = lines.map(({ text }) => look(text));
    const found = there.flatMap((_, at) => (wanted.every((text, offset) => there[at + offset] === text) ? [at] : []));
    const [only, ...others] = found;
    if (only !== undefined && others.length === 0) return only;
    if (only !== undefined) {
      throw new EditError(
        `These lines stand ${found.length} times in ${path}, so more of them are needed: ${show(search)}`,
      );
    }
  }
  throw new EditError(`These lines don't stand together in ${path}: ${show(search)}`);
}

function show(lines: readonly string[]): string {
  return JSON.stringify(lines).slice(0, 500);
}

function linesOf(text: string): readonly Line[] {
  return Array.from(text.matchAll(/([^\n]*?)(\r?\n|$)/g), ([whole, line = "", end = ""]) => ({ whole, line, end }))
    .filter(({ whole }) => whole !== "")
    .map(({ line, end }) => ({ text: line, end }));
}
