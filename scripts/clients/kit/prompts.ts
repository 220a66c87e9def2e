/** A question that needs no tools. */
export const QUESTION = "Say hi.";

/** More tokens than a context has room for, of a word so short that it all fits into one argument of a program (128 KiB). */
export function tooLong(contextTokens: number): string {
  return "hi ".repeat(contextTokens + 1_000);
}

/** The schema of structured answers: small, so that any model ends it. */
export const SCHEMA = {
  type: "object",
  properties: { city: { enum: ["Paris", "Rome"] }, large: { type: "boolean" } },
  required: ["city", "large"],
  additionalProperties: false,
} as const;

/** Throws unless a text is JSON that fits `SCHEMA`; returns it. */
export function assertFits(text: string): string {
  const found = /\{[^{}]*"city"[^{}]*\}/.exec(text)?.[0];
  const value: unknown = found === undefined ? undefined : JSON.parse(found);
  if (typeof value !== "object" || value === null || !("city" in value) || !("large" in value)) {
    throw new Error(`no such object is in: ${text.slice(-400)}`);
  }
  if (!["Paris", "Rome"].includes(String(value.city)) || typeof value.large !== "boolean") {
    throw new Error(`it doesn't fit the schema: ${found}`);
  }
  return found ?? "";
}
