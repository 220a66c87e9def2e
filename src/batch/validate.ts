import { setImmediate } from "node:timers/promises";
import { digestOf, isFault, type LineFault, parseLine } from "./line.ts";
import { type Input, type Line, readLines, TooManyBlankLinesError } from "./read-lines.ts";

/** What is wrong with a batch's input. `line` is its number in the file, from 1. */
type InputFault = LineFault & { readonly line: number | null };

export type Validated = {
  readonly lines: number;
  /** Some of the faults, those of the first lines. */
  readonly faults: readonly InputFault[];
  /** The model of all requests; undefined if they have several, or name none. */
  readonly model: string | undefined;
};

export type ValidateOptions = {
  readonly endpoint: string;
  readonly maxLineBytes: number;
  readonly maxLines: number;
  readonly signal: AbortSignal;
  /** Hears of each line that is read. */
  readonly onLine?: (line: Line) => void;
};

const MAX_FAULTS = 100;

/** The lines that are read before others have their turn. */
const LINES_AT_ONCE = 64;

const START = { line: 0, offset: 0 };

/** Checks each line of a batch's input. Of a million lines it keeps some 60 MB for that time: a digest of each `custom_id`. */
export async function validateInput(handle: Input, options: ValidateOptions): Promise<Validated> {
  const { endpoint, maxLineBytes, maxLines, signal, onLine } = options;
  const known = new Set<string>();
  const faults: InputFault[] = [];
  const models = new Set<string | undefined>();
  let lines = 0;
  try {
    for await (const line of readLines(handle, START, maxLineBytes, maxLines)) {
      signal.throwIfAborted();
      onLine?.(line);
      lines += 1;
      if (lines % LINES_AT_ONCE === 0) await setImmediate();
      if (lines > maxLines) {
        faults.push(tooMany(`${maxLines} lines. Split it into several batches.`, line.number));
        break;
      }
      const read = await parseLine(line, endpoint, maxLineBytes);
      if (isFault(read)) {
        faults.push({ ...read, line: line.number });
      } else {
        const digest = digestOf(read.customId);
        if (known.has(digest)) faults.push({ ...duplicate(read.customId), line: line.number });
        known.add(digest);
        if (models.size < 2) models.add(read.model);
      }
      if (faults.length >= MAX_FAULTS) break;
    }
  } catch (error) {
    if (!(error instanceof TooManyBlankLinesError)) throw error;
    faults.push(tooMany(`${maxLines} blank lines. Leave them out.`, error.line));
  }
  if (lines === 0 && faults.length === 0)
    faults.push({ code: "empty_file", message: "The file has no lines.", param: null, line: null });
  const [model] = models;
  return { lines, faults, model: models.size === 1 ? model : undefined };
}

function tooMany(what: string, line: number): InputFault {
  return { code: "too_many_lines", message: `The file has more than ${what}`, param: null, line };
}

function duplicate(customId: string): LineFault {
  return {
    code: "duplicate_custom_id",
    message: `The 'custom_id' '${customId.slice(0, 64)}' is that of an earlier line.`,
    param: "custom_id",
  };
}
