import { z } from "zod";

/** Redis's texts come as bytes, or as texts, and its counts as numbers. */
const word = z.union([z.instanceof(Buffer), z.string(), z.number(), z.null()]);
const words = z.array(word);

type Word = z.infer<typeof word>;

/** A reply that is a list of texts and numbers. */
export function wordsOf(reply: unknown): readonly Word[] {
  return words.parse(reply);
}

/** A reply that is a list of lists. */
export function listsOf(reply: unknown): readonly (readonly Word[])[] {
  return z.array(words).parse(reply);
}

/** Undefined for what is missing. */
export function textOf(given: Word | undefined): string | undefined {
  return given == null ? undefined : String(given);
}

export function numberOf(given: Word | undefined): number {
  const value = Number(textOf(given) ?? 0);
  if (!Number.isFinite(value)) throw new TypeError("Redis holds something that is no number where one should be.");
  return value;
}

/** The fields of a hash, which come as a list of names and values. */
export function fieldsOf(list: readonly Word[]): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < list.length; at += 2) fields.set(String(list[at]), String(list[at + 1]));
  return fields;
}
