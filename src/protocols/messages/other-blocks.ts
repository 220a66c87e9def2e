import { noteOmitted } from "../unreadable.ts";

type Fields = Readonly<Record<string, unknown>>;
type Other = { readonly kind: string; readonly fields: Fields };

/** The length to which values are shown. */
const MAX_SHOWN_LENGTH = 2_000;

/** The text of a block: a text document or a search result. Undefined for others. */
export function textOf({ kind, fields }: Other): string | undefined {
  if (kind === "search_result") return lines(fields.title, fields.source, contentText(fields.content));
  if (kind !== "document") return undefined;
  const { type, data, content } = Object(fields.source);
  const body = type === "text" ? data : type === "content" ? contentText(content) : undefined;
  return typeof body === "string" ? lines(fields.title, fields.context, body) : undefined;
}

/** The text that replaces a block: its own text or a note. */
export function wordsOf(block: Other): string {
  return textOf(block) ?? noteOmitted(block.kind, block.fields.title);
}

/** Decodes the call of a server tool; undefined for other blocks. */
export function serverCall({
  kind,
  fields,
}: Other): { readonly id: string; readonly name: string; readonly arguments: string } | undefined {
  const { id, name, input } = fields;
  if (!kind.endsWith("_tool_use") || typeof id !== "string" || typeof name !== "string") return undefined;
  return { id, name, arguments: JSON.stringify(input ?? {}) };
}

/** Decodes the result of a server tool; undefined for other blocks. */
export function serverResult({ kind, fields }: Other): { readonly id: string; readonly text: string } | undefined {
  const { tool_use_id: id, content } = fields;
  if (!kind.endsWith("_tool_result") || typeof id !== "string") return undefined;
  return { id, text: contentText(content) };
}

function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return content.map(contentText).join("\n");
  if (typeof content !== "object" || content === null) return "";
  const { type, text, title, url, content: inner } = Object(content);
  if (typeof text === "string") return text;
  if (typeof url === "string" || inner !== undefined) return lines(title, url, contentText(inner));
  if (type === "image") return noteOmitted(type);
  const shown = Object.entries(content).filter(([key]) => !key.startsWith("encrypted"));
  return JSON.stringify(Object.fromEntries(shown)).slice(0, MAX_SHOWN_LENGTH);
}

function lines(...parts: readonly unknown[]): string {
  return parts.filter((part) => typeof part === "string" && part !== "").join("\n");
}
