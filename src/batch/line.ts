import { createHash } from "node:crypto";
import { membersOf } from "../json/members.ts";
import { readLineJson } from "../json/read-line.ts";
import type { Line } from "./read-lines.ts";

/** A line's request. */
export type LineRequest = {
  readonly customId: string;
  readonly model: string | undefined;
  /** The request's body, as it is written in the line. */
  readonly body: string;
  /** What requests begin with that the engine evaluates alike: sorts together those that share the most. */
  readonly beginning: string;
};

/** Why a line is no request. */
export type LineFault = { readonly code: string; readonly message: string; readonly param: string | null };

const MAX_CUSTOM_ID_LENGTH = 512;
const BEGINNING_LENGTH = 4_096;

/** The fields of a body in the order in which templates put them into a prompt. */
const BEGINNING_FIELDS = ["model", "tools", "system", "instructions", "prompt", "messages", "input", "query"] as const;

/** Reads a line: a request to `endpoint`, or what is wrong with it. Never throws: no line may keep a batch from its end. */
export async function parseLine(line: Line, endpoint: string, maxBytes: number): Promise<LineRequest | LineFault> {
  try {
    return await parse(line, endpoint, maxBytes);
  } catch {
    return fault("invalid_json_line", "This line can't be read.", null);
  }
}

async function parse({ text, isUtf8 }: Line, endpoint: string, maxBytes: number): Promise<LineRequest | LineFault> {
  if (text === undefined) return fault("line_too_long", `This line is longer than ${maxBytes} bytes.`, null);
  if (!isUtf8) return fault("invalid_json_line", "This line is not valid UTF-8.", null);
  const read = await readLineJson(text);
  if ("excess" in read) return fault("invalid_value", read.excess, null);
  const value = "value" in read ? asObject(read.value) : undefined;
  if (value === undefined) return fault("invalid_json_line", "This line is not parseable as a JSON object.", null);
  const { custom_id: customId, method, url, body } = value;
  if (customId === undefined) return missing("custom_id");
  if (typeof customId !== "string" || customId === "" || customId.length > MAX_CUSTOM_ID_LENGTH) {
    return fault(
      "invalid_value",
      `'custom_id' must be a text of 1 to ${MAX_CUSTOM_ID_LENGTH} characters.`,
      "custom_id",
    );
  }
  if (method !== "POST") {
    return method === undefined ? missing("method") : fault("invalid_method", "'method' must be 'POST'.", "method");
  }
  if (url !== endpoint) {
    return url === undefined
      ? missing("url")
      : fault("invalid_url", `'url' must be the batch's endpoint, '${endpoint}'.`, "url");
  }
  if (body === undefined) return missing("body");
  const fields = asObject(body);
  const member = membersOf(text)?.findLast(({ name }) => name === "body");
  if (fields === undefined || member === undefined) {
    return fault("invalid_type", "'body' must be an object: the body of the request.", "body");
  }
  for (const name of ["stream", "background"]) {
    if (fields[name] !== undefined && fields[name] !== null && fields[name] !== false) {
      return fault("invalid_value", `A batch's requests can't have '${name}'. Leave it out.`, `body.${name}`);
    }
  }
  return {
    customId,
    model: typeof fields.model === "string" ? fields.model : undefined,
    body: text.slice(member.start, member.end),
    beginning: beginningOf(fields),
  };
}

export function isFault(read: LineRequest | LineFault): read is LineFault {
  return "code" in read;
}

/** A short text that equal ids share, and others don't. */
export function digestOf(customId: string): string {
  return createHash("sha256").update(customId).digest("base64").slice(0, 16);
}

function beginningOf(body: Readonly<Record<string, unknown>>): string {
  let text = "";
  for (const name of BEGINNING_FIELDS) {
    if (body[name] !== undefined) text += `${name}:${JSON.stringify(body[name])}`;
    if (text.length >= BEGINNING_LENGTH) break;
  }
  return text.slice(0, BEGINNING_LENGTH);
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function missing(param: string): LineFault {
  return fault("missing_required_parameter", `Missing required parameter: '${param}'.`, param);
}

function fault(code: string, message: string, param: string | null): LineFault {
  return { code, message, param };
}
