import { z } from "zod";
import { string } from "./fields.ts";

const MAX_TYPE_LENGTH = 128;

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
