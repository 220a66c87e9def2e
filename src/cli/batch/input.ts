import { createReadStream, createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parse } from "csv-parse";
import { CommandError } from "../errors.ts";

export type InputOptions = {
  /** The preset whose variables the input has; undefined if it has requests. */
  readonly preset: string | undefined;
  /** Undefined means all. */
  readonly limit: number | undefined;
  /** Undefined keeps the input's order. */
  readonly seed: number | undefined;
};

/** The requests of a batch, as a file. */
export type Requests = { readonly path: string; readonly endpoint: string };

const PRESET_ENDPOINT = "/v1/responses";

/** A row of more characters is a mistake. */
const MAX_ROW = 16 * 1024 * 1024;

/**
 * Makes the file of requests that is sent: the input itself, or what is made of it, written to `target`. No more than a line is in memory, except
 * of an input that is shuffled.
 *
 * @throws CommandError if the input can't be read
 */
export async function prepareInput(input: string, target: string, options: InputOptions): Promise<Requests> {
  const { preset, limit, seed } = options;
  const isAsItIs = preset === undefined && limit === undefined && seed === undefined;
  if (!isAsItIs) {
    const lines = preset === undefined ? textLines(input) : presetLines(input, preset);
    const ordered = seed === undefined ? lines : shuffled(lines, seed);
    const chosen = limit === undefined ? ordered : first(ordered, limit);
    await guarded(input, () =>
      pipeline(Readable.from(withNewlines(chosen)), createWriteStream(target, { mode: 0o600 })),
    );
  }
  const path = isAsItIs ? input : target;
  return { path, endpoint: preset === undefined ? await endpointOf(path) : PRESET_ENDPOINT };
}

async function* textLines(input: string): AsyncGenerator<string> {
  for await (const line of createInterface({ input: createReadStream(input), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() !== "") yield line;
  }
}

/** A request for each row. Its id is the row's `custom_id` or `id`, or its number. */
async function* presetLines(input: string, preset: string): AsyncGenerator<string> {
  let row = 0;
  for await (const variables of /\.csv$/i.test(input) ? csvRows(input) : jsonRows(input)) {
    row += 1;
    const { custom_id: given = variables.id ?? `row-${row}`, ...rest } = variables;
    const { input: text, ...others } = rest;
    const body = {
      prompt: { id: preset, ...(Object.keys(others).length > 0 && { variables: others }) },
      ...(text !== undefined && { input: text }),
      store: false,
    };
    yield JSON.stringify({ custom_id: given, method: "POST", url: PRESET_ENDPOINT, body });
  }
}

type Row = Readonly<Record<string, string>>;

async function* csvRows(input: string): AsyncGenerator<Row> {
  const rows = createReadStream(input).pipe(
    parse({ columns: true, bom: true, skip_empty_lines: true, max_record_size: MAX_ROW }),
  );
  yield* rows as AsyncIterable<Row>;
}

async function* jsonRows(input: string): AsyncGenerator<Row> {
  let row = 0;
  for await (const line of textLines(input)) {
    row += 1;
    const value = parseJson(line);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new CommandError(`${input}, row ${row}: expected a JSON object with the preset's variables.`);
    }
    const entries = Object.entries(value).map(([name, part]) => [
      name,
      typeof part === "string" ? part : JSON.stringify(part),
    ]);
    yield Object.fromEntries(entries);
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

async function* shuffled(lines: AsyncIterable<string>, seed: number): AsyncGenerator<string> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  let state = seed;
  for (let last = all.length - 1; last >= 0; last--) {
    // Lehmer's generator: the same order on each machine.
    state = (state * 48_271) % 2_147_483_647;
    const other = state % (last + 1);
    const [picked = "", moved = ""] = [all[other], all[last]];
    all[other] = moved;
    yield picked;
  }
}

async function* first(lines: AsyncIterable<string>, limit: number): AsyncGenerator<string> {
  let left = limit;
  for await (const line of lines) {
    yield line;
    left -= 1;
    if (left === 0) return;
  }
}

async function* withNewlines(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

/** The endpoint of the first line; the gateway checks the others. */
async function endpointOf(path: string): Promise<string> {
  const [line] = await guarded(path, async () => {
    for await (const text of first(textLines(path), 1)) return [text];
    return [];
  });
  if (line === undefined) throw new CommandError(`${path} has no requests.`);
  const value = parseJson(line);
  const url = typeof value === "object" && value !== null && "url" in value ? value.url : undefined;
  if (typeof url === "string") return url;
  throw new CommandError(
    `The first line of ${path} is no request: expected {"custom_id": …, "method": "POST", "url": "/v1/chat/completions", "body": {…}}. ` +
      "For rows with a preset's variables, set --preset.",
  );
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CommandError || !(error instanceof Error)) throw error;
    throw new CommandError(`${path} can't be read: ${error.message}`, { cause: error });
  }
}
