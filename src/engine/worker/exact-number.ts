/**
 * A number as it is to stand in a prompt. llama.cpp's template engine writes six digits of a fraction, refuses what is beyond 64 bits, and
 * can't tell 1.0 from 1 once JavaScript has read it; templates' authors saw what Python writes.
 */
export class ExactNumber {
  readonly spelling: string;

  constructor(spelling: string) {
    this.spelling = spelling;
  }
}

/** What Python's `json` would read and write again. Throws a SyntaxError for what is no JSON. */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === "number" ? exact(value, context?.source ?? String(value)) : value,
  );
}

/** The number itself where every writer gives the same, the integers that a double holds. */
export function exactly(value: number): number | ExactNumber {
  if (Number.isSafeInteger(value)) return value;
  // Beyond a double's digits nothing better is known than its own value.
  return new ExactNumber(Number.isInteger(value) && Math.abs(value) < 1e21 ? String(BigInt(value)) : spellFloat(value));
}

function exact(value: number, source: string): number | ExactNumber {
  if (!/^-?\d+$/.test(source)) return new ExactNumber(spellFloat(value));
  return Number.isSafeInteger(value) ? value : new ExactNumber(source);
}

/** Python's `repr` of a float. */
function spellFloat(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e16 || (size < 1e-4 && size > 0)) return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
