import { createReadStream } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Flags } from "../config/load.ts";
import { type CliContext, EXIT } from "./context.ts";
import { CommandError } from "./errors.ts";
import { readEntry } from "./logs/entry.ts";
import { readFilter } from "./logs/filter.ts";
import { followLines, splitLines } from "./logs/lines.ts";
import { showEntry } from "./logs/show.ts";
import { paintFor } from "./style.ts";

/**
 * `sluice logs`: shows the lines of a log, from a file or piped in, for people, and those that the flags choose. Throws a `CommandError` for flags and
 * files that can't be read.
 */
export async function logs(
  file: string | undefined,
  flags: Flags,
  context: CliContext,
  now: () => number = Date.now,
): Promise<number> {
  const { stdout } = context;
  const isWanted = readFilter(flags, now());
  const paint = paintFor(stdout, context);
  for await (const text of await openLines(file, flags, context)) {
    const entry = readEntry(text);
    if (!isWanted(entry)) continue;
    const line = flags.json === true ? text : showEntry(entry, paint);
    // A pager that was left, such as `head`, wants no more.
    if (stdout.writable === false) break;
    if (!stdout.write(`${line}\n`)) await new Promise((go) => stdout.once("drain", go).once("close", go));
  }
  return EXIT.done;
}

async function openLines(
  file: string | undefined,
  flags: Flags,
  { stdin, cwd }: CliContext,
): Promise<AsyncIterable<string>> {
  if (file === undefined || file === "-") {
    if (stdin === undefined || stdin.isTTY === true) {
      throw new CommandError(
        "There is no log to read. Give its file, or pipe it in: the gateway writes it to stderr, such as `2> sluice.log` or `2>&1 |`.",
      );
    }
    return splitLines(stdin as AsyncIterable<string | Buffer>);
  }
  const path = resolve(cwd, file);
  const isFile = await access(path, constants.R_OK)
    .then(() => stat(path))
    .then(
      (found) => !found.isDirectory(),
      () => false,
    );
  if (!isFile) {
    throw new CommandError(`The log ${file} can't be read. Give the file that the gateway's stderr is written to.`);
  }
  if (flags.follow === true) return followLines(path, new AbortController().signal);
  return splitLines(createReadStream(path, "utf8"));
}
