import { z } from "zod";
import { AN_INTEGER, type Fault, readLater, tooLong, tooShort, wrongType } from "./fields.ts";

/** More than any model's context holds. */
const MAX_TOKENS = 2 ** 18;
const MAX_TOKEN_ID = 2 ** 31 - 1;

/** A value that was read, or its first fault. */
export type Read<T> = { readonly value: T } | { readonly fault: Fault };

/** A field that `form` describes and `read` validates. */
export function readAs<T>(form: z.ZodType, read: (value: unknown) => Read<T>) {
  return readLater(form)
    .optional()
    .transform((value, context): T => {
      const result = read(value);
      if ("value" in result) return result.value;
      context.issues.push(result.fault);
      return z.NEVER;
    });
}

/** Reads a list of 1 to `max` elements. Stops at the first fault. */
export function readEach<T>(
  list: readonly unknown[],
  max: number,
  read: (element: unknown, path: readonly number[]) => Read<T>,
): Read<T[]> {
  if (list.length === 0) return { fault: tooShort(list) };
  if (list.length > max) return { fault: tooLong(list, max) };
  const values: T[] = [];
  for (const [index, element] of list.entries()) {
    const result = read(element, [index]);
    if ("fault" in result) return result;
    values.push(result.value);
  }
  return { value: values };
}

/**
 * Finds the first problem with a list of token ids at `path`; undefined if it is valid. Stops at the first: a body can hold millions of
 * ids, and zod would create an issue for each.
 */
export function findTokensFault(values: readonly unknown[], path: readonly number[]): Fault | undefined {
  if (values.length > MAX_TOKENS) return tooLong(values, MAX_TOKENS, path);
  const index = values.findIndex((value) => !isTokenId(value));
  if (index === -1) return undefined;
  const input = values[index];
  const here = [...path, index];
  if (typeof input !== "number" || !Number.isInteger(input)) return wrongType(AN_INTEGER, input, here);
  const bound = { origin: "number", inclusive: true, message: AN_INTEGER, input, path: here } as const;
  return input < 0 ? { ...bound, code: "too_small", minimum: 0 } : { ...bound, code: "too_big", maximum: MAX_TOKEN_ID };
}

function isTokenId(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_TOKEN_ID;
}

/** Describes a list of token ids. `findTokensFault` checks it. */
export const tokenIdsForm = z.array(z.int().min(0).max(MAX_TOKEN_ID)).max(MAX_TOKENS);

/** A list of token ids as a field. */
export const tokenIds = readLater(tokenIdsForm).transform((value, context): readonly number[] => {
  if (Array.isArray(value)) {
    const fault = findTokensFault(value, []);
    if (fault === undefined) return value.map(Number);
    context.issues.push(fault);
  } else {
    context.issues.push(wrongType("an array of integers", value));
  }
  return z.NEVER;
});
