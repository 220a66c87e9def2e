import { z } from "zod";

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

/** Whether a field was given: `null` is as good as absent. */
export function isSet<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}
