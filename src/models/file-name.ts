import { createHash } from "node:crypto";

/** File systems allow 255 bytes; parts, locks and partial downloads add suffixes to a stem. */
const MAX_STEM_LENGTH = 180;

/**
 * Makes a file name's stem from `pieces`, joined by `--`. Anything but letters, digits, dots, hyphens and underscores becomes a hyphen, and
 * leading dots are removed, so the result is a plain name on every system: no separator, no `..`, not hidden.
 */
export function safeStem(...pieces: readonly string[]): string {
  const joined = pieces
    .map((piece) => piece.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, ""))
    .filter((piece) => piece !== "")
    .join("--");
  if (joined.length <= MAX_STEM_LENGTH) return joined === "" ? "model" : joined;
  return `${joined.slice(0, MAX_STEM_LENGTH - 9)}-${shortHash(joined)}`;
}

/** Returns eight hex digits that distinguish texts. */
export function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
