import { compareDecimals, parseDecimal } from "../../json/decimal.ts";
import { ExactNumber } from "../../json/exact-number.ts";

/**
 * How a number is written in a prompt: as Python writes it, since templates are written for Python. llama.cpp's template engine writes only
 * six digits of a fraction, refuses numbers beyond 64 bits, and doesn't distinguish 1.0 from 1. A number that Python would change keeps its
 * spelling.
 *
 * @returns the number itself if it is a safe integer, which needs no special spelling; otherwise its spelling
 */
export function spellForPrompt(value: number | ExactNumber): number | string {
  if (value instanceof ExactNumber) return spellSource(value.source);
  if (Number.isSafeInteger(value)) return value;
  // Only the double's value is known, not the digits that the client wrote.
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
