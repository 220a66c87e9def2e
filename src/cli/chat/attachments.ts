import { basename, resolve } from "node:path";
import { readBytes } from "../../read-file.ts";
import { CommandError, describeError } from "../errors.ts";

/** A longer file fits no context that is usual. */
const MAX_FILE_BYTES = 256 * 1024;

/** A file as a part of a message. Throws a CommandError if it can't be read, is too long, or is no text. */
export function readAttachment(path: string, cwd: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readBytes(resolve(cwd, path), MAX_FILE_BYTES + 1);
  } catch (error) {
    throw new CommandError(`${path} can't be read: ${describeError(error)}`, { cause: error });
  }
  if (bytes.length > MAX_FILE_BYTES) throw new CommandError(`${path} has more than ${MAX_FILE_BYTES / 1024} KiB.`);
  const text = decode(bytes);
  if (text === undefined) throw new CommandError(`${path} is no text: it isn't valid UTF-8.`);
  return quoteFile(basename(path), text);
}

/** A file's text between fences that are longer than any in it. */
function quoteFile(name: string, text: string): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`{3,}/g), ([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `File ${name}:\n${fence}\n${text.replace(/\n?$/, "\n")}${fence}\n`;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}
