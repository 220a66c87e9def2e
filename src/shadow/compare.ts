import type { Said } from "./said.ts";

/** Whether two answers say the same: values of JSON and calls exactly, texts up to white space. */
export function isSame(one: Said, other: Said): boolean {
  const isSameCall = ({ name, arguments: given }: Said["calls"][number], index: number) => {
    const there = other.calls[index];
    return there !== undefined && there.name === name && canonical(there.arguments) === canonical(given);
  };
  if (one.calls.length !== other.calls.length || !one.calls.every(isSameCall)) return false;
  // What is said beside a call is no part of what the client does.
  return one.calls.length > 0 || canonical(one.text) === canonical(other.text);
}

/** JSON with its members sorted, or any other text with single spaces. */
function canonical(text: string): string {
  const trimmed = text.trim();
  if (/^[[{"]/.test(trimmed)) {
    try {
      return JSON.stringify(sorted(JSON.parse(trimmed)));
    } catch {
      // It only looks like JSON.
    }
  }
  return trimmed.replaceAll(/\s+/g, " ");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}

/** The cosine of two vectors. */
export function cosine(one: Float32Array, other: Float32Array): number {
  let [product, lengthOne, lengthOther] = [0, 0, 0];
  for (const [index, value] of one.entries()) {
    const there = other[index] ?? 0;
    product += value * there;
    lengthOne += value * value;
    lengthOther += there * there;
  }
  return lengthOne === 0 || lengthOther === 0 ? 0 : product / Math.sqrt(lengthOne * lengthOther);
}
