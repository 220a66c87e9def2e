import { randomUUID } from "node:crypto";
import { ExactNumber } from "./exact-number.ts";
import { type JsonLimits, TEXT_LIMITS, UNBOUNDED } from "./limits.ts";
import { createJsonScan, type JsonExcess, type JsonScan, type Span } from "./scan.ts";

/** So much of a text is looked through at a time: a fraction of a millisecond. */
const SLICE = 256 * 1024;

/** The value of a JSON text, or the limit that it exceeds. */
export type ReadJson = { readonly value: unknown } | { readonly excess: JsonExcess };

/**
 * Reads a request's body, and lets others have their turn while it looks through a long one. Throws a SyntaxError for what is no JSON.
 *
 * @param keepsNumbers whether the numbers of a field are passed on, so that what JavaScript would write in another way is an `ExactNumber`
 * @param pause ends when others had their turn
 */
export async function readJsonBody(
  text: string,
  limits: JsonLimits,
  keepsNumbers: (field: string) => boolean,
  pause: () => Promise<unknown>,
): Promise<ReadJson> {
  return finish(text, await scanSlowly(text, limits, keepsNumbers, pause));
}

/** What there is too much of in the beginning of a body, so that the rest of it need not be read; undefined where there isn't. */
export async function findExcess(
  beginning: string,
  limits: JsonLimits,
  keepsNumbers: (field: string) => boolean,
  pause: () => Promise<unknown>,
): Promise<JsonExcess | undefined> {
  return (await scanSlowly(beginning, limits, keepsNumbers, pause)).excess();
}

async function scanSlowly(
  text: string,
  limits: JsonLimits,
  keepsNumbers: (field: string) => boolean,
  pause: () => Promise<unknown>,
): Promise<JsonScan> {
  const scan = createJsonScan(text, limits, keepsNumbers);
  for (let end = SLICE; !scan.run(end); end += SLICE) await pause();
  return scan;
}

/**
 * Reads JSON of one's own or a short one, with an `ExactNumber` for each number that JavaScript would write in another way. Throws a
 * SyntaxError for what is no JSON.
 */
export function readJsonText(text: string, limits: JsonLimits = TEXT_LIMITS): ReadJson {
  const scan = createJsonScan(text, limits);
  scan.run(text.length);
  return finish(text, scan);
}

/** Reads JSON that Sluice wrote itself. Throws a SyntaxError for what is no JSON. */
export function readOwnJson(text: string): unknown {
  const scan = createJsonScan(text, UNBOUNDED);
  scan.run(text.length);
  const { numbers = [] } = scan.inexact().get("") ?? {};
  return numbers.length === 0 ? JSON.parse(text) : parseKeeping(text, numbers);
}

function finish(text: string, scan: JsonScan): ReadJson {
  const excess = scan.excess();
  if (excess !== undefined) return { excess };
  const value: unknown = JSON.parse(text);
  for (const [field, { value: span, numbers }] of scan.inexact()) {
    if (field === "") return { value: parseKeeping(text, numbers) };
    const [start, end] = span;
    const moved = numbers.map(([from, to]): Span => [from - start, to - start]);
    Object.assign(Object(value), { [field]: parseKeeping(text.slice(start, end), moved) });
  }
  return { value };
}

/** Nobody outside can know it. */
const MARK = `${randomUUID()}:`;

/**
 * Parses a text that is known to be JSON, with an `ExactNumber` for each of `numbers`. They pass the parser as strings: a reviver would be
 * called for every value, which takes ten times as long.
 */
function parseKeeping(text: string, numbers: readonly Span[]): unknown {
  const pieces: string[] = [];
  let last = 0;
  for (const [start, end] of numbers) {
    pieces.push(text.slice(last, start), `"${MARK}`, text.slice(start, end), '"');
    last = end;
  }
  return restore(JSON.parse(pieces.join("") + text.slice(last)));
}

function restore(value: unknown): unknown {
  if (typeof value === "string") {
    return value.startsWith(MARK) ? new ExactNumber(value.slice(MARK.length)) : value;
  }
  if (typeof value !== "object" || value === null) return value;
  for (const [key, part] of Object.entries(value)) {
    const restored = restore(part);
    // Not by assignment, which takes `__proto__` for something else.
    if (restored !== part)
      Object.defineProperty(value, key, { value: restored, writable: true, enumerable: true, configurable: true });
  }
  return value;
}
