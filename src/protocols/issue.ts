import { z } from "zod";
import { ExactNumber } from "../json/exact-number.ts";
import { InvalidRequestError, missingParameter } from "./errors.ts";
import { AN_INTEGER, isSet } from "./fields.ts";

/** The length to which a message quotes a client's value. */
const MAX_QUOTED_LENGTH = 64;

/** zod's type names that don't take "a". */
const NOUNS: ReadonlyMap<string, string> = new Map([
  ["array", "an array"],
  ["object", "an object"],
  ["record", "an object"],
]);

/** What zod's own formats expect. */
const FORMATS: ReadonlyMap<string, string> = new Map([
  ["date", "a day such as 2026-11-22"],
  ["datetime", "a time such as 2026-11-22T08:30:00Z"],
]);

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/**
 * Parses `value` with `schema`. Throws `InvalidRequestError` for the first problem, in the wording of OpenAI's API
 * ("Invalid type for 'temperature': expected a decimal, but got a string instead.").
 */
export function parseWire<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  return parse(schema, value, []);
}

function parse<T extends z.ZodType>(schema: T, value: unknown, base: Path): z.output<T> {
  // Switches zod's own messages off: a schema's `error` holds the expected type only.
  const result = schema.safeParse(value, { reportInput: true, error: knownFields });
  if (result.success) {
    return result.data;
  }
  const [issue] = result.error.issues;
  throw issue === undefined ? new InvalidRequestError("The request is invalid.", null, null) : describe(issue, base);
}

/** As `parseWire`, for the value of the field `param`. */
export function parseWireAt<T extends z.ZodType>(schema: T, value: unknown, param: string): z.output<T> {
  return parse(schema, value, [param]);
}

/** As `parseWireAt`; undefined for a value that is absent or null. */
export function parseGiven<T extends z.ZodType>(schema: T, value: unknown, param: string): z.output<T> | undefined {
  return isSet(value) ? parseWireAt(schema, value, param) : undefined;
}

/** The names of an object's fields, for an unknown one; for other issues nothing. */
function knownFields({ code, inst }: z.core.$ZodRawIssue): string {
  return code === "unrecognized_keys" && inst instanceof z.ZodObject ? Object.keys(inst.shape).join(", ") : "";
}

function describe(issue: Issue, base: Path): InvalidRequestError {
  const path = [...base, ...issue.path];
  switch (issue.code) {
    case "invalid_type":
    case "not_multiple_of":
      return wrongType(path, issue.message || describeExpected(issue), issue.input);
    case "invalid_value":
      return wrongValue(path, issue.values.map(String), issue.input);
    case "invalid_union":
      return wrongAlternative(issue, path);
    case "too_big":
      return tooBig(issue, path);
    case "too_small":
      return tooSmall(issue, path);
    case "invalid_key":
      return wrongKey(path);
    case "unrecognized_keys":
      return unknownParameter(formatPath([...path, issue.keys[0] ?? ""]), issue.message);
    case "invalid_format":
      return wrongFormat(issue, path);
    default:
      return invalid(path, "this value is not allowed", "invalid_value");
  }
}

function describeExpected(issue: Issue): string {
  const expected = "expected" in issue ? String(issue.expected) : "value";
  return NOUNS.get(expected) ?? `a ${expected}`;
}

/** The error for a field that there is not. @param known the names of those that there are, with commas */
export function unknownParameter(name: string, known: string): InvalidRequestError {
  const shown = name.slice(0, MAX_QUOTED_LENGTH);
  const others = known === "" ? "" : ` Known are ${known}.`;
  return new InvalidRequestError(`Unknown parameter: '${shown}'.${others}`, shown, "unknown_parameter");
}

function wrongType(path: Path, expected: string, input: unknown): InvalidRequestError {
  if (input === undefined) {
    return missingParameter(formatPath(path));
  }
  const subject = path.length === 0 ? "the request's body" : `'${formatPath(path)}'`;
  return new InvalidRequestError(
    `Invalid type for ${subject}: expected ${expected}, but got ${describeType(input)} instead.`,
    path.length === 0 ? null : formatPath(path),
    "invalid_type",
  );
}

function wrongValue(path: Path, supported: readonly string[], input: unknown): InvalidRequestError {
  if (typeof input !== "string") {
    return wrongType(
      path,
      supported.length === 1 ? `'${supported[0]}'` : `one of ${enumerate(supported, "or")}`,
      input,
    );
  }
  return new InvalidRequestError(
    `Invalid value: '${quote(input)}'. Supported values are: ${enumerate(supported, "and")}.`,
    formatPath(path),
    "invalid_value",
  );
}

function wrongAlternative(issue: Extract<Issue, { code: "invalid_union" }>, path: Path): InvalidRequestError {
  if ("discriminator" in issue && typeof issue.discriminator === "string") {
    const options = "options" in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
    return wrongValue(path, options, Object(issue.input)[issue.discriminator]);
  }
  // Reports the alternative whose type fits, such as an array with an invalid third item or an array that is too long.
  const meant = issue.errors
    .flatMap((branch) => branch.slice(0, 1))
    .find((first) => first.path.length > 0 || first.code !== "invalid_type");
  return meant === undefined ? wrongType(path, `one of ${issue.message}`, issue.input) : describe(meant, path);
}

function tooBig(issue: Extract<Issue, { code: "too_big" }>, path: Path): InvalidRequestError {
  const maximum = Number(issue.maximum);
  if (issue.origin === "array" && Array.isArray(issue.input)) {
    return invalid(
      path,
      `array too long. Expected an array with maximum length ${maximum}, but got an array with length ${issue.input.length} instead`,
      "array_above_max_length",
    );
  }
  if (issue.origin === "object") {
    return invalid(
      path,
      `too many properties. Expected an object with at most ${maximum} properties, but got an object with ${Object.keys(Object(issue.input)).length} properties instead`,
      "object_above_max_properties",
    );
  }
  if (issue.origin === "string") {
    return invalid(
      path,
      `string too long. Expected a string with maximum length ${maximum}, but got a string with length ${String(issue.input).length} instead`,
      "string_above_max_length",
    );
  }
  const kind = issue.message === AN_INTEGER ? "integer" : "decimal";
  const bound = `${issue.inclusive === false ? "<" : "<="} ${maximum}`;
  return invalid(
    path,
    `${kind} above maximum value. Expected a value ${bound}, but got ${issue.input} instead`,
    `${kind}_above_max_value`,
  );
}

function tooSmall(issue: Extract<Issue, { code: "too_small" }>, path: Path): InvalidRequestError {
  const minimum = Number(issue.minimum);
  if (issue.origin === "array") {
    return invalid(
      path,
      `empty array. Expected an array with minimum length ${minimum}, but got an empty array instead`,
      "empty_array",
    );
  }
  if (issue.origin === "string") {
    return invalid(
      path,
      `string too short. Expected a string with minimum length ${minimum}, but got an empty string instead`,
      "string_below_min_length",
    );
  }
  const kind = issue.message === AN_INTEGER ? "integer" : "decimal";
  const bound = `${issue.inclusive === false ? ">" : ">="} ${minimum}`;
  return invalid(
    path,
    `${kind} below minimum value. Expected a value ${bound}, but got ${issue.input} instead`,
    `${kind}_below_min_value`,
  );
}

function wrongFormat(issue: Extract<Issue, { code: "invalid_format" }>, path: Path): InvalidRequestError {
  // Nobody reads a regular expression: a schema's `error` says what is expected.
  const expected = issue.message || FORMATS.get(issue.format) || "a string of another form";
  return invalid(path, `string does not match pattern. Expected ${expected}`, "invalid_value");
}

function wrongKey(path: Path): InvalidRequestError {
  const param = formatPath(path.slice(0, -1));
  return new InvalidRequestError(
    `Invalid key in '${param}': '${quote(String(path.at(-1)))}'. Keys are token ids: non-negative integers.`,
    param,
    "invalid_value",
  );
}

function invalid(path: Path, what: string, code: string): InvalidRequestError {
  const param = formatPath(path);
  return new InvalidRequestError(`Invalid '${param}': ${what}.`, param, code);
}

/** Formats a path as OpenAI does: `messages[0].content`. */
export function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    "",
  );
}

function describeType(value: unknown): string {
  if (value === null) {
    return "null";
  }
  if (Array.isArray(value)) {
    return "an array";
  }
  if (value instanceof ExactNumber) {
    return "a number";
  }
  if (Number.isInteger(value)) {
    return "an integer";
  }
  if (typeof value === "number") {
    // JSON can hold 1e999, which a double can't.
    return Number.isFinite(value) ? "a decimal number" : "a number that is too large";
  }
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function enumerate(values: readonly string[], conjunction: "and" | "or"): string {
  const quoted = values.map((value) => `'${value}'`);
  const last = quoted.pop() ?? "";
  return quoted.length === 0 ? last : `${quoted.join(", ")}${quoted.length === 1 ? "" : ","} ${conjunction} ${last}`;
}

function quote(value: string): string {
  return value.length <= MAX_QUOTED_LENGTH ? value : `${value.slice(0, MAX_QUOTED_LENGTH)}…`;
}
