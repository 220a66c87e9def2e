import { createHash } from "node:crypto";

/** File systems allow 255 bytes; parts, locks and half-done downloads add to a stem. */
const MAX_STEM_LENGTH = 180;

/**
 * A file name's stem made of `pieces`, joined by `--`. Whatever is not a letter, digit, dot, hyphen or underscore becomes a hyphen and leading
 * dots go, so the result is one plain name on every system: no separator, no `..`, nothing hidden.
 */
export function safeStem(...pieces: readonly string[]): string {
  const joined = pieces
    .map((piece) => piece.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, ""))
    .filter((piece) => piece !== "")
    .join("--");
  if (joined.length <= MAX_STEM_LENGTH) return joined === "" ? "model" : joined;
  return `${joined.slice(0, MAX_STEM_LENGTH - 9)}-${shortHash(joined)}`;
}

/** Eight hex digits that tell texts apart. */
export function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
