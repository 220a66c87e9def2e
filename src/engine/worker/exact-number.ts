import { compareDecimals, parseDecimal } from "../../json/decimal.ts";
import { ExactNumber } from "../../json/exact-number.ts";

/**
 * How a number is to stand in a prompt. llama.cpp's template engine writes six digits of a fraction, refuses what is beyond 64 bits, and
 * can't tell 1.0 from 1; templates' authors saw what Python writes for what it has read. What Python would write as another number
 * stays as it was written.
 *
 * @returns the number itself where every writer gives the same, the integers that a double holds; else its spelling
 */
export function spellForPrompt(value: number | ExactNumber): number | string {
  if (value instanceof ExactNumber) return spellSource(value.source);
  if (Number.isSafeInteger(value)) return value;
  // Beyond a double's digits nothing better is known than its own value.
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? String(BigInt(value)) : spellFloat(value);
}

function spellSource(source: string): string {
  if (/^-?\d+$/.test(source)) return source;
  const value = Number(source);
  if (!Number.isFinite(value)) return source;
  const spelled = spellFloat(value);
  const [read, written] = [parseDecimal(source), parseDecimal(spelled)];
  return read !== undefined && written !== undefined && compareDecimals(read, written) === 0 ? spelled : source;
}

/** Python's `repr` of a float. */
function spellFloat(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e16 || (size < 1e-4 && size > 0)) return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
