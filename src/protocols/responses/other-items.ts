import { noteOmitted } from "../unreadable.ts";
import type { OtherItem } from "./items.ts";

/** The meaning of an item of another type, for the model. */
export type Told =
  /** A call. `output` is set if the item includes its result. */
  | {
      readonly type: "call";
      readonly id: string;
      readonly name: string;
      readonly arguments: string;
      readonly output?: string;
    }
  | { readonly type: "output"; readonly id: string; readonly text: string }
  | { readonly type: "note"; readonly text: string }
  | { readonly type: "nothing" };

/** Types that mean nothing to the model. */
const SILENT: readonly string[] = [
  "additional_tools",
  "mcp_list_tools",
  "compaction_trigger",
  "context_compaction",
  "ghost_snapshot",
];

/** The fields that hold the arguments and the results of calls, by priority. */
const ARGUMENTS = ["action", "actions", "operation", "arguments", "code", "queries"] as const;
const RESULTS = ["output", "outputs", "results", "result", "error"] as const;

const MAX_NOTE_LENGTH = 2_000;
/** A longer text without white space is taken for binary data. */
const MAX_WORD_LENGTH = 4_096;

/** Translates an item: types such as `local_shell_call` to calls of a tool with that name, others to notes. */
export function tellOther({ id, kind, fields }: OtherItem): Told {
  if (SILENT.includes(kind)) return { type: "nothing" };
  const callId = typeof fields.call_id === "string" ? fields.call_id : id;
  if (kind.endsWith("_output")) return { type: "output", id: callId, text: resultOf(fields) ?? "" };
  if (kind.endsWith("_call")) {
    const output = kind === "image_generation_call" ? noteOmitted("image") : resultOf(fields);
    const name = typeof fields.name === "string" ? fields.name : kind.slice(0, -"_call".length);
    return {
      type: "call",
      id: callId,
      name,
      arguments: argumentsOf(fields),
      ...(output !== undefined && { output }),
    };
  }
  const { id: _, type: __, ...rest } = fields;
  return { type: "note", text: noteOf(kind, JSON.stringify(rest)) };
}

/** A note for a call without a result, or a result without a call. */
export function noteOf(name: string, text: string): string {
  return `[${name}: ${text.slice(0, MAX_NOTE_LENGTH)}]`.toWellFormed();
}

function argumentsOf(fields: OtherItem["fields"]): string {
  const field = ARGUMENTS.find((name) => fields[name] !== undefined && fields[name] !== null);
  const value = field === undefined ? {} : fields[field];
  if (typeof value === "string" && field === "arguments") return value.toWellFormed();
  return JSON.stringify(Array.isArray(value) || typeof value === "string" ? { [field ?? "input"]: value } : value);
}

function resultOf(fields: OtherItem["fields"]): string | undefined {
  const value = RESULTS.map((name) => fields[name]).find((found) => found !== undefined && found !== null);
  return value === undefined ? undefined : textOf(value).toWellFormed();
}

function textOf(value: unknown): string {
  if (typeof value === "string") return isText(value) ? value : noteOmitted("file");
  if (Array.isArray(value)) return value.map(textOf).join("\n");
  const { type, text } = Object(value);
  if (typeof text === "string") return text;
  if (typeof type === "string" && /image|screenshot|file/.test(type)) return noteOmitted(type);
  return JSON.stringify(value);
}

/** Whether a string is text rather than base64 data. */
function isText(text: string): boolean {
  return !text.startsWith("data:") && (text.length < MAX_WORD_LENGTH || /\s/.test(text.slice(0, MAX_WORD_LENGTH)));
}
