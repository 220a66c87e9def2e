import { z } from "zod";
import { BODY_LIMITS, UNBOUNDED } from "../json/limits.ts";
import { createJsonScan } from "../json/scan.ts";

/** A line is this many levels deeper than its request. */
const ITEM_LIMITS = { ...UNBOUNDED, depth: BODY_LIMITS.depth + 1 };
const MAX_ID_LENGTH = 512;

const itemSchema = z.strictObject({
  /** Stands in the result; the item's index if absent. */
  id: z.union([z.string().min(1).max(MAX_ID_LENGTH), z.int()]).optional(),
  /** A text for the model: the user's message, or what the endpoint takes as its input. */
  input: z.string().optional(),
  /** Those of the preset. */
  variables: z.record(z.string(), z.unknown()).optional(),
  /** Fields of the request, which count before those of the template. */
  body: z.record(z.string(), z.unknown()).optional(),
});

/** Something to be answered. */
export type Item = z.infer<typeof itemSchema>;

/** What is wrong with a line or with a request. */
export type Fault = { readonly code: string; readonly message: string; readonly param: string | null };

/** A line of a stream, as it was read. */
export type ReadLine = {
  /** Undefined if it is too long. */
  readonly text: string | undefined;
  readonly isUtf8: boolean;
};

/** Reads a line's JSON, within the limits of any request. */
export function parseLine({ text, isUtf8 }: ReadLine, maxBytes: number): { value: unknown } | { fault: Fault } {
  if (text === undefined) return { fault: fault("line_too_long", `This line is longer than ${maxBytes} bytes.`) };
  if (!isUtf8) return { fault: fault("invalid_json_line", "This line is not valid UTF-8.") };
  const scan = createJsonScan(text, ITEM_LIMITS, () => false);
  scan.run(text.length);
  if (scan.excess() !== undefined) {
    return { fault: fault("invalid_value", `This line is nested deeper than ${ITEM_LIMITS.depth} levels.`) };
  }
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { fault: fault("invalid_json_line", "This line is not parseable as a JSON object.") };
  }
}

/** Reads an item. Never throws: a wrong line is an item whose result is its fault. */
export function parseItem(line: ReadLine, maxBytes: number): { item: Item } | { id?: Item["id"]; fault: Fault } {
  const read = parseLine(line, maxBytes);
  if ("fault" in read) return read;
  const { value } = read;
  const { data, error } = itemSchema.safeParse(value);
  if (data !== undefined) return { item: data };
  const id = z.object({ id: itemSchema.shape.id }).safeParse(value).data?.id;
  const [issue] = error.issues;
  const field = issue?.code === "unrecognized_keys" ? issue.keys[0] : issue?.path.join(".");
  const param = field === undefined || field === "" ? null : field;
  const message =
    issue?.code === "unrecognized_keys"
      ? `'${field?.slice(0, 128)}' is no field of an item. Fields of a request go into 'body'.`
      : `${param === null ? "The line" : `'${param.slice(0, 128)}'`}: ${issue?.message ?? "not allowed"}.`;
  return { ...(id !== undefined && { id }), fault: fault("invalid_value", message, param?.slice(0, 128) ?? null) };
}

function fault(code: string, message: string, param: string | null = null): Fault {
  return { code, message, param };
}
