import type { LineWindow } from "../../items/windows.ts";

/** A gateway takes no larger body by default. A longer item isn't parsed, since that would hold up all others. */
export const MAX_ITEM_LENGTH = 16 * 1024 * 1024;

/** Why a longer one has no answer. */
export const TOO_LONG = `This item is longer than ${MAX_ITEM_LENGTH} characters.`;

/** An item that is sent, and what is written beside its answer. */
export type PipeItem = {
  /** Unique within the run. */
  readonly number: number;
  /** What the result is called: the line's own `id`, or the number. */
  readonly id: string | number;
  readonly key: string | undefined;
  readonly input: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
};

/** A field of a line of JSON as a text; undefined if the line has none. */
export function keyIn(line: string, field: string): string | undefined {
  const value = objectIn(line)?.[field];
  return value === undefined || value === null ? undefined : typeof value === "string" ? value : JSON.stringify(value);
}

/** A line as an item. Of a line of JSON, `id` and `input` are its id and its text, and the rest are variables. */
export function itemOf(
  line: string,
  number: number,
  { json, key }: { readonly json: boolean; readonly key: string | undefined },
): PipeItem {
  const its = key === undefined ? undefined : keyIn(line, key);
  const value = json ? objectIn(line) : undefined;
  if (value === undefined) return { number, id: number, key: its, input: line, variables: undefined };
  const { id, input, ...variables } = value;
  return {
    ...{ number, key: its, variables },
    id: typeof id === "string" || (typeof id === "number" && Number.isSafeInteger(id)) ? id : number,
    input: input === undefined ? undefined : typeof input === "string" ? input : JSON.stringify(input),
  };
}

/** A window's lines as one item. */
export function itemOfWindow({ key, lines }: LineWindow, number: number): PipeItem {
  return { number, id: number, key, input: lines.join("\n"), variables: undefined };
}

/** What is sent. The number is the id there, since lines may have the same. */
export function lineOf({ number, input, variables }: PipeItem): string {
  return JSON.stringify({ id: number, ...(input !== undefined && { input }), ...(variables && { variables }) });
}

/** Whether a line is a JSON object. */
export function isObject(line: string): boolean {
  return objectIn(line) !== undefined;
}

function objectIn(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
