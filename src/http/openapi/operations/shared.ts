import { z } from "zod";
import type { ErrorStatus, Parameter } from "../operation.ts";

/** What a route may refuse that reads a body and has a model answer it. */
export const GENERATION_ERRORS: readonly ErrorStatus[] = [400, 403, 404, 413, 415, 500, 503];

/** What a route may refuse whose requests wait for their turn. */
export const WAITING_ERRORS: readonly ErrorStatus[] = [400, 404, 409, 413, 415, 429, 500, 503];

/** The same where its answer may come from the cache alone. */
export const CACHED_ERRORS: readonly ErrorStatus[] = [...WAITING_ERRORS, 504];

/** What a route may refuse that reads a body and changes what is kept. */
export const CHANGE_ERRORS: readonly ErrorStatus[] = [400, 404, 413, 415, 500, 503];

/** What a route may refuse that shows or deletes one thing that is kept. */
export const LOOKUP_ERRORS: readonly ErrorStatus[] = [404, 500, 503];

/** What a route may refuse that lists what is kept. */
export const LIST_ERRORS: readonly ErrorStatus[] = [400, 404, 500, 503];

export const count = z.int().min(0);

/** A parameter of the path. */
export function inPath(name: string, description: string): Parameter {
  return { name, in: "path", description, schema: z.string() };
}

/** A parameter of the query, which may be left out. */
export function inQuery(name: string, description: string, schema: z.ZodType): Parameter {
  return { name, in: "query", description, schema };
}

/** What asks for a part of a list. */
export function paging(defaultOrder: "asc" | "desc"): readonly Parameter[] {
  return [
    inQuery("limit", "How many at most; 20 where it is left out.", z.int().min(1).max(100)),
    inQuery(
      "order",
      `Oldest first or newest first; \`${defaultOrder}\` where it is left out.`,
      z.enum(["asc", "desc"]),
    ),
    inQuery("after", "The id of the last entry of the page before.", z.string()),
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

/** What OpenAI's API says of something that is no more. */
export function deleted(object: string) {
  return z.object({ id: z.string(), object: z.literal(object), deleted: z.literal(true) });
}
