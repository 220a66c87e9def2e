import { z } from "zod";
import { isJsonObject } from "../json/exact-number.ts";

/**
 * Building blocks of request schemas. The `error` of each is not a whole message but the expected type, as OpenAI's errors name it
 * ("a decimal"). `issue.ts` puts it into a message.
 */

export const AN_INTEGER = "an integer";
export const A_DECIMAL = "a decimal";

const MAX_MODEL_LENGTH = 1_024;
const MAX_HINT_LENGTH = 1_024;
const MAX_TYPE_LENGTH = 128;

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number) {
  return z.int({ error: AN_INTEGER }).min(min, { error: AN_INTEGER }).max(max, { error: AN_INTEGER });
}

/** A number from `min` to `max`. */
export function decimal(min: number, max: number) {
  return z.number({ error: A_DECIMAL }).min(min, { error: A_DECIMAL }).max(max, { error: A_DECIMAL });
}

/** A string of at most `maxLength` UTF-16 units. */
export function string(maxLength: number) {
  return z.string({ error: "a string" }).max(maxLength);
}

/** The model to use. The default depends on the models that are served. */
export function modelName(words = "The model's id or one of its aliases, in upper or lower case.") {
  return string(MAX_MODEL_LENGTH).nullish().describe(`${words} May be omitted if only one model fits.`);
}

export const endUser = string(MAX_HINT_LENGTH).nullish().describe("The client's name for the end user. Has no effect.");

export const cacheHint = string(MAX_HINT_LENGTH)
  .nullish()
  .describe("Has no effect: the prefixes of all prompts are cached.");

/** `true` or `false`. */
export function boolean() {
  return z.boolean({ error: "a boolean" });
}

/**
 * A field that this schema accepts as it is, because it is validated later with its own errors. `form` only describes it in the API
 * description.
 */
export function readLater(form: z.ZodType) {
  const { $schema, ...described } = z.toJSONSchema(form, { io: "input" });
  return z.unknown().meta(described);
}

/**
 * A list of `min` to `max` elements. Stops at the first invalid element: a body can hold a hundred thousand, and zod would create an
 * issue for each.
 */
export function listOf<T extends z.ZodType>(element: T, min: number, max: number, expected = "an array of objects") {
  return readLater(z.array(element).min(min).max(max)).transform((value, context): z.output<T>[] => {
    if (!Array.isArray(value)) return refuse(context, wrongType(expected, value));
    if (value.length < min) return refuse(context, tooShort(value, [], min));
    if (value.length > max) return refuse(context, tooLong(value, max));
    return readEach(element, [...value.entries()], context).map(([, part]) => part);
  });
}

/** An object with at most `max` keys that match `names`. Stops at the first invalid entry. */
export function mapOf<T extends z.ZodType>(element: T, max: number, names = z.string()) {
  return readLater(z.record(names, element)).transform((value, context): Record<string, z.output<T>> => {
    if (!isJsonObject(value)) return refuse(context, wrongType("an object", value));
    const entries = Object.entries(value);
    if (entries.length > max) {
      return refuse(context, { code: "too_big", origin: "object", maximum: max, input: value, path: [] });
    }
    const wrong = entries.find(([name]) => !names.safeParse(name).success)?.[0];
    if (wrong !== undefined) {
      return refuse(context, { code: "invalid_key", origin: "record", issues: [], input: wrong, path: [wrong] });
    }
    return Object.fromEntries(readEach(element, entries, context));
  });
}

/** Any JSON object, unchanged. */
export function jsonObject() {
  return readLater(z.record(z.string(), z.unknown())).transform(
    (value, context): Readonly<Record<string, unknown>> =>
      isJsonObject(value) ? value : refuse(context, wrongType("an object", value)),
  );
}

type Context = z.core.$RefinementCtx;

/** A problem with a value, in zod's form. `issue.ts` writes the message. */
export type Fault = z.core.$ZodRawIssue;

type Path = readonly PropertyKey[];

export function wrongType(expected: string, input: unknown, path: Path = []): Fault {
  return { code: "invalid_type", expected, message: expected, input, path: [...path] };
}

export function tooLong(input: readonly unknown[], maximum: number, path: Path = []): Fault {
  return { code: "too_big", origin: "array", maximum, input, path: [...path] };
}

export function tooShort(input: readonly unknown[], path: Path = [], minimum = 1): Fault {
  return { code: "too_small", origin: "array", minimum, input, path: [...path] };
}

function refuse(context: Context, fault: Fault): never {
  context.issues.push(fault);
  return z.NEVER;
}

function readEach<K extends string | number, T extends z.ZodType>(
  element: T,
  entries: readonly (readonly [K, unknown])[],
  context: Context,
): [K, z.output<T>][] {
  const read: [K, z.output<T>][] = [];
  for (const [key, part] of entries) {
    const result = element.safeParse(part, { reportInput: true, error: () => "" });
    if (!result.success) {
      for (const issue of result.error.issues) context.issues.push({ ...issue, path: [key, ...issue.path] } as Fault);
      break;
    }
    read.push([key, result.data]);
  }
  return read;
}

/** Whether a field was given. `null` counts as absent. */
export function isSet<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}

/**
 * Wraps a value of an unknown type as type `other`, and keeps its own type as `kind`. Conversations may hold items from other servers
 * and later protocol versions, and must still be usable.
 */
export function orOther(value: unknown, known: readonly string[]): unknown {
  if (typeof value !== "object" || value === null || !("type" in value)) return value;
  if (typeof value.type !== "string" || (known.includes(value.type) && value.type !== "other")) return value;
  return { type: "other", kind: value.type, fields: value };
}

/** The schema of what `orOther` returns for an unknown type. `fields` is the schema of its fields. */
export function otherType<T extends z.ZodType>(fields: T) {
  return z.object({ type: z.literal("other"), kind: string(MAX_TYPE_LENGTH).min(1), fields });
}
