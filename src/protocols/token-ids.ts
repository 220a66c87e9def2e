import { z } from "zod";
import { AN_INTEGER, readLater } from "./fields.ts";

/** More than any model's context holds. */
const MAX_TOKENS = 2 ** 18;
const MAX_TOKEN_ID = 2 ** 31 - 1;

/** A problem with a value, in zod's form. `issue.ts` writes the message. */
export type Fault = z.core.$ZodRawIssue;

export function wrongType(expected: string, input: unknown, path: readonly number[]): Fault {
  return { code: "invalid_type", expected, message: expected, input, path: [...path] };
}

export function tooLong(input: readonly unknown[], maximum: number, path: readonly number[]): Fault {
  return { code: "too_big", origin: "array", maximum, input, path: [...path] };
}

export function tooShort(input: readonly unknown[], path: readonly number[]): Fault {
  return { code: "too_small", origin: "array", minimum: 1, input, path: [...path] };
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
    context.issues.push(wrongType("an array of integers", value, []));
  }
  return z.NEVER;
});
