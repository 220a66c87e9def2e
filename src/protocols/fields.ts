import { z } from "zod";
import { isJsonObject } from "../json/exact-number.ts";

/**
 * Building blocks of request schemas. The `error` of each is not a whole message but the expected type, as OpenAI's errors name it
 * ("a decimal"). `issue.ts` puts it into a message.
 */

export const AN_INTEGER = "an integer";
export const A_DECIMAL = "a decimal";

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
export function modelName(maxLength: number, words = "The model's id or one of its aliases, in upper or lower case.") {
  return string(maxLength).nullish().describe(`${words} May be omitted if only one model fits.`);
}

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
    if (value.length < min) return refuse(context, { ...faultOf(value), code: "too_small", minimum: min });
    if (value.length > max) return refuse(context, { ...faultOf(value), code: "too_big", maximum: max });
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
type Fault = z.core.$ZodRawIssue;

function faultOf(input: readonly unknown[]) {
  return { origin: "array", input, path: [] };
}

function wrongType(expected: string, input: unknown): Fault {
  return { code: "invalid_type", expected, message: expected, input, path: [] };
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
