import { z } from "zod";
import { readLineJson } from "../json/read-line.ts";

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

/** A line's JSON, or what is wrong with it. */
export type ReadValue = { readonly value: unknown } | { readonly fault: Fault };

/** Reads a line's JSON, within the limits of any request. */
export async function parseLine({ text, isUtf8 }: ReadLine, maxBytes: number): Promise<ReadValue> {
  if (text === undefined) return { fault: fault("line_too_long", `This line is longer than ${maxBytes} bytes.`) };
  if (!isUtf8) return { fault: fault("invalid_json_line", "This line is not valid UTF-8.") };
  const read = await readLineJson(text);
  if ("excess" in read) return { fault: fault("invalid_value", read.excess) };
  if ("isInvalid" in read) {
    return { fault: fault("invalid_json_line", "This line is not parseable as a JSON object.") };
  }
  return read;
}

/** Reads an item. Never throws: a wrong line is an item whose result is its fault. */
export function itemIn(read: ReadValue): { item: Item } | { id?: Item["id"]; fault: Fault } {
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
