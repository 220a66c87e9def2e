import { text as readAll } from "node:stream/consumers";
import type { CliContext } from "../context.ts";
import { UsageError } from "../errors.ts";

/** As much as the gateway takes of a body by default; more is refused before it is sent. */
const MAX_PIPED_BYTES = 16 * 1024 ** 2;

/** The text of a command: its words, or else what is piped in, without its last line break. Throws a UsageError if there is none. */
export async function readInput(words: readonly string[], context: CliContext, example: string): Promise<string> {
  const given = words.length > 0 ? words.join(" ") : (await readPiped(context))?.replace(/\r?\n$/, "");
  if (given) return given;
  throw new UsageError(`There is no text. Add it after the command, or pipe it in: ${example}`);
}

/** The lines of a command: its words, or else the lines that are piped in, without empty ones. Throws a UsageError if there are none. */
export async function readLines(
  words: readonly string[],
  context: CliContext,
  example: string,
): Promise<readonly string[]> {
  const lines = words.length > 0 ? words : ((await readPiped(context))?.split(/\r?\n/) ?? []);
  const filled = lines.filter((line) => line.trim() !== "");
  if (filled.length > 0) return filled;
  throw new UsageError(`There is no text. Add it after the command, or pipe it in: ${example}`);
}

/** What is piped in; undefined if stdin is a terminal. Throws a UsageError if it is too long. */
export async function readPiped({ stdin }: CliContext): Promise<string | undefined> {
  if (stdin === undefined || stdin.isTTY === true) return undefined;
  return readAll(bounded(stdin));
}

async function* bounded(stdin: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const piece of stdin) {
    const bytes = Buffer.from(piece);
    size += bytes.length;
    if (size > MAX_PIPED_BYTES) {
      throw new UsageError(`More than ${MAX_PIPED_BYTES} bytes are piped in. Use \`sluice batch run\` for many texts.`);
    }
    yield bytes;
  }
}
