import { z } from "zod";
import { jsonText } from "./json-text.ts";

/** Git's own tools show so much of a subject. */
const MAX_SUBJECT = 72;
const MAX_BODY_LINES = 12;
const MAX_LINE = 100;
/** Of an answer that isn't in the form that was asked for. */
const MAX_CHARS = 4_000;

/** The form in which a model writes a commit's message: models that can be held to a schema can't ramble then. */
export const MESSAGE_SCHEMA = {
  type: "object",
  properties: {
    subject: { type: "string", minLength: 1, maxLength: MAX_SUBJECT },
    body: { type: "array", items: { type: "string", maxLength: MAX_LINE }, maxItems: MAX_BODY_LINES },
  },
  required: ["subject", "body"],
  additionalProperties: false,
};

const messageSchema = jsonText.pipe(z.object({ subject: z.string(), body: z.array(z.string()) }));

/** The message in a model's answer, in the form of MESSAGE_SCHEMA or as plain text; empty if there is none, such as for other or broken JSON. */
export function readMessage(answer: string): string {
  const text = clean(answer);
  const { data } = messageSchema.safeParse(text);
  if (data === undefined) return isStructure(text) ? "" : text;
  const { subject, body } = data;
  return clean([clean(subject).replaceAll("\n", " "), "", ...body].join("\n"));
}

/** A subject may begin with a tag in brackets, so that only whole lists are told by them. */
function isStructure(text: string): boolean {
  return text.startsWith("{") || typeof jsonText.safeParse(text).data === "object";
}

/** Without the fences and quotes that models put around a message, without controls, and without lines that git would take for comments. */
function clean(text: string): string {
  return text
    .replaceAll("\r", "")
    .replaceAll(/[^\P{Cc}\n\t]/gu, "")
    .split("\n")
    .filter((line) => !/^(```|#)/.test(line))
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim()
    .replace(/^(["'`])([^\n]*)\1$/, "$2")
    .slice(0, MAX_CHARS)
    .trimEnd();
}
