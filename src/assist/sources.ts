import { createHash } from "node:crypto";
import { readRegularFile } from "../read-file.ts";
import { locate, PathError } from "./paths.ts";
import { isSecretPath, whySecret } from "./secrets.ts";

/** A longer file fits no context that is usual. */
const MAX_FILE_BYTES = 256 * 1024;

/** Something that is put into a prompt. */
export type Source = {
  /** What it is, such as `src/a.ts, lines 1-20`. */
  readonly title: string;
  /** Why it is there, such as `named` or `at a place in the output`. */
  readonly reason: string;
  readonly text: string;
  /** The file that it comes from, where it is one. */
  readonly path?: string;
  /** The number of its first line in the file. */
  readonly firstLine?: number;
  /** What to keep of it where it doesn't fit: its begin, or its end. */
  readonly keeps: "begin" | "end";
  /** The share of the prompt that it takes at most; all of it if absent. */
  readonly share?: number;
};

/** What was not put into the prompt, or only in part. */
export type LeftOut = { readonly what: string; readonly why: string };

/** A text file as it was read. */
export type TextFile = { readonly path: string; readonly text: string; readonly hash: string };

/** A file that is not read into prompts. */
export class NotReadError extends Error {
  override readonly name = "NotReadError";
}

/** Reads a text file of the repository. Throws a NotReadError that says why it isn't read. */
export async function readTextFile(root: string, path: string): Promise<TextFile> {
  if (isSecretPath(path)) throw new NotReadError("its name says that it holds secrets");
  let bytes: Buffer;
  try {
    ({ bytes } = await readRegularFile(await locate(root, path), MAX_FILE_BYTES));
  } catch (error) {
    throw new NotReadError(whyOf(error), { cause: error });
  }
  const text = decode(bytes);
  if (text === undefined) throw new NotReadError("it is no text in UTF-8");
  const secret = whySecret(path, text);
  if (secret !== undefined) throw new NotReadError(secret);
  return { path, text, hash: hashOf(text) };
}

function whyOf(error: unknown): string {
  if (error instanceof PathError) return error.message.replace(/\.$/, "");
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return "there is no such file";
  return error instanceof Error ? error.message : String(error);
}

/** A byte order mark stays a part of the text, so that it isn't lost when the file is written. */
function decode(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Some lines of a file, counted from 1. */
export type Lines = { readonly from: number; readonly to: number };

/** A file's text, or some of its lines, as a part of a prompt. */
export function sourceOf({ path, text }: TextFile, reason: string, lines?: Lines): Source {
  if (lines === undefined) return { title: path, reason, text, path, firstLine: 1, keeps: "begin" };
  const all = text.split("\n");
  const [from, to] = [Math.max(1, lines.from), Math.min(all.length, lines.to)];
  return {
    title: `${path}, lines ${from}-${to}`,
    ...{ reason, path, firstLine: from, keeps: "begin" as const },
    text: all.slice(from - 1, to).join("\n"),
  };
}

/** A part of a prompt, between fences that are longer than any in it. */
export function quote({ title, text }: Source): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`{3,}/g), ([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${title}:\n${fence}\n${text.replace(/\n?$/, "\n")}${fence}\n`;
}
