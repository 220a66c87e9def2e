import { z } from "zod";
import type { ErrorStatus, Parameter } from "../operation.ts";

/** The errors of a route whose body a model answers. */
export const GENERATION_ERRORS: readonly ErrorStatus[] = [400, 403, 404, 413, 415, 500, 503];

/** The errors of a route whose requests wait in the queue. */
export const WAITING_ERRORS: readonly ErrorStatus[] = [400, 404, 409, 413, 415, 429, 500, 503];

/** The same, if the cache may answer too. */
export const CACHED_ERRORS: readonly ErrorStatus[] = [...WAITING_ERRORS, 504];

/** The errors of a route that changes stored objects. */
export const CHANGE_ERRORS: readonly ErrorStatus[] = [400, 404, 413, 415, 500, 503];

/** The errors of a route that shows or deletes one stored object. */
export const LOOKUP_ERRORS: readonly ErrorStatus[] = [404, 500, 503];

/** The errors of a route that lists stored objects. */
export const LIST_ERRORS: readonly ErrorStatus[] = [400, 404, 500, 503];

export const count = z.int().min(0);

/** Creates a path parameter. */
export function inPath(name: string, description: string): Parameter {
  return { name, in: "path", description, schema: z.string() };
}

/** Creates an optional query parameter. */
export function inQuery(name: string, description: string, schema: z.ZodType): Parameter {
  return { name, in: "query", description, schema };
}

/** The query parameters for one page of a list. */
export function paging(defaultOrder: "asc" | "desc"): readonly Parameter[] {
  return [
    inQuery("limit", "The maximum number of entries; 20 by default.", z.int().min(1).max(100)),
    inQuery("order", `Oldest first or newest first; \`${defaultOrder}\` by default.`, z.enum(["asc", "desc"])),
    inQuery("after", "The id of the last entry of the previous page.", z.string()),
  ];
}

/** OpenAI's `list` object. */
export function listOf(entry: z.ZodType) {
  return z.object({
    object: z.literal("list"),
    data: z.array(entry),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
}

/** OpenAI's answer to a deletion. */
export function deleted(object: string) {
  return z.object({ id: z.string(), object: z.literal(object), deleted: z.literal(true) });
}
