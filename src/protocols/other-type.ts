import { z } from "zod";
import { string } from "./fields.ts";

const MAX_TYPE_LENGTH = 128;

/**
 * A value whose type is none of `known` as one of the type `other`, which keeps its own. Histories hold what other servers and later
 * versions of a protocol made, and a conversation must be able to go on with it.
 */
export function orOther(value: unknown, known: readonly string[]): unknown {
  if (typeof value !== "object" || value === null || !("type" in value)) return value;
  if (typeof value.type !== "string" || (known.includes(value.type) && value.type !== "other")) return value;
  return { type: "other", kind: value.type, fields: value };
}

/** What `orOther` makes of a value of a type that is not known, its fields in the form of `fields`. */
export function otherType<T extends z.ZodType>(fields: T) {
  return z.object({ type: z.literal("other"), kind: string(MAX_TYPE_LENGTH).min(1), fields });
}
