import { z } from "zod";
import type { PipeItem } from "./items.ts";

const failure = z.object({ message: z.string() });

/** The text of a chat completion, or of a response. */
const responseSchema = z.union([
  z
    .object({ choices: z.array(z.object({ message: z.object({ content: z.string().nullish() }) })).min(1) })
    .transform(({ choices }) => choices[0]?.message.content ?? ""),
  z
    .object({ output: z.array(z.object({ content: z.array(z.object({ text: z.string().optional() })).optional() })) })
    .transform(({ output }) => output.flatMap(({ content = [] }) => content.map(({ text = "" }) => text)).join("")),
]);

const resultSchema = z.union([
  z.object({ id: z.number(), response: responseSchema }),
  z.object({ id: z.number(), error: failure }),
  z.object({ end: z.object({ reason: z.string(), message: z.string().optional() }) }),
]);

/** A line of the gateway's. */
export type PipeAnswer =
  | { readonly type: "answer"; readonly number: number; readonly text: string }
  | { readonly type: "failure"; readonly number: number; readonly message: string }
  | { readonly type: "end"; readonly reason: string; readonly message: string | undefined };

/** Undefined for a line that is none of these. */
export function readAnswer(line: string): PipeAnswer | undefined {
  const { data } = resultSchema.safeParse(parse(line));
  if (data === undefined) return undefined;
  if ("end" in data) return { type: "end", reason: data.end.reason, message: data.end.message };
  if ("error" in data) return { type: "failure", number: data.id, message: data.error.message };
  return { type: "answer", number: data.id, text: data.response };
}

/** What is written for an answer. */
export function formatAnswer(
  { id, key }: PipeItem,
  text: string,
  form: "text" | "jsonl",
  target: string | undefined,
): string {
  if (form === "text") return `${text}\n`;
  const fields = { ...(key !== undefined && { key }), ...(target !== undefined && { target }) };
  return `${JSON.stringify({ id, ...fields, output: text })}\n`;
}

/** What is written for a failure, on stdout; as text there is nothing. */
export function formatFailure({ id, key }: PipeItem, message: string, form: "text" | "jsonl"): string {
  if (form === "text") return "";
  return `${JSON.stringify({ id, ...(key !== undefined && { key }), error: message })}\n`;
}

/** How many of the answers are of the target for what didn't fit; nothing without one. */
export function spilledWords(spilled: number, target: string | undefined): string {
  return target === undefined ? "" : ` (${spilled} by ${target})`;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
