import { z } from "zod";
import { isJsonObject } from "../json/exact-number.ts";

/**
 * Building blocks of the wire's schemas. The `error` of each is not a message but the words for what was expected, in the way OpenAI's
 * errors put it ("expected a decimal"); `issue.ts` makes the message around them.
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

/** The model that is meant. Which one that is where it is left out depends on what is served. */
export function modelName(maxLength: number, words = "The model's id or one of its aliases, in any case of letters.") {
  return string(maxLength).nullish().describe(`${words} May be left out where one model can only be meant.`);
}

/** `true` or `false`. */
export function boolean() {
  return z.boolean({ error: "a boolean" });
}

/**
 * A field that is read later, with errors of its own: until then it may be anything. `form` is what it has to be in the end, for the
 * API's description.
 */
export function readLater(form: z.ZodType) {
  const { $schema, ...described } = z.toJSONSchema(form, { io: "input" });
  return z.unknown().meta(described);
}

/**
 * A list of `min` to `max` elements. Looks no further than the first that is wrong: a body has room for a hundred thousand, and zod would write
 * an issue for each.
 */
export function listOf<T extends z.ZodType>(element: T, min: number, max: number, expected = "an array of objects") {
  return readLater(z.array(element).min(min).max(max)).transform((value, context): z.output<T>[] => {
    if (!Array.isArray(value)) return refuse(context, wrongType(expected, value));
    if (value.length < min) return refuse(context, { ...faultOf(value), code: "too_small", minimum: min });
    if (value.length > max) return refuse(context, { ...faultOf(value), code: "too_big", maximum: max });
    return readEach(element, [...value.entries()], context).map(([, part]) => part);
  });
}

/** An object with at most `max` names of the client's own, which are as `names` has them, likewise. */
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

/** Any object of JSON, as it is. */
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

/** Whether a field was given: `null` is as good as absent. */
export function isSet<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}
