declare global {
  // ES2026's, which Node 24 has and TypeScript's libraries don't tell of yet.
  interface JSON {
    rawJSON(text: string): object;
    isRawJSON(value: unknown): boolean;
  }
}

/**
 * A number of JSON that JavaScript would write in another way than it was written, such as 123456789012345678, 1.0 or 1e400. Where numbers
 * are passed on and not computed with, it stands in their place: `JSON.stringify` writes it as it came.
 */
export class ExactNumber {
  /** The source text of the number. */
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  toJSON(): unknown {
    return JSON.rawJSON(this.source);
  }
}

/** Whether JavaScript writes the number in exactly these characters. */
export function isKept(source: string): boolean {
  return String(Number(source)) === source;
}

/** Whether a value is a number that JSON has. */
export function isNumber(value: unknown): value is number | ExactNumber {
  return Number.isFinite(value) || value instanceof ExactNumber;
}

/** What is written for a number of JSON. */
export function sourceOf(value: number | ExactNumber): string {
  return typeof value === "number" ? JSON.stringify(value) : value.source;
}

/** Whether a value is an object of JSON: neither an array nor a number. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}
