import type { CharRange, CharSet } from "./automaton/char-set.ts";

/** The maximum number of ranges of one class of characters. */
const MAX_RANGES = 128;
const LATIN_END = 0x250;

/** `text` as a quoted literal of GBNF. */
export function literal(text: string): string {
  return `"${Array.from(text.toWellFormed(), escapeInLiteral).join("")}"`;
}

/** `set` as a character class of GBNF. */
export function characterClass(set: CharSet): string {
  return `[${prune(set).map(writeRange).join("")}]`;
}

/** Keeps only the widest ranges, and all Latin letters: llama.cpp checks each range for every candidate. */
function prune(set: CharSet): CharSet {
  if (set.length <= MAX_RANGES) {
    return set;
  }
  const widths = set.map(([first, last]) => last - first).sort((a, b) => b - a);
  const least = widths[MAX_RANGES] ?? 0;
  return set.filter(([first, last]) => first < LATIN_END || last - first > least);
}

function writeRange([first, last]: CharRange): string {
  return first === last ? escapeInClass(first) : `${escapeInClass(first)}-${escapeInClass(last)}`;
}

function escapeInLiteral(char: string): string {
  if (char === '"' || char === "\\") {
    return `\\${char}`;
  }
  return char < " " || char === "\x7f" ? escapeCode(char.charCodeAt(0)) : char;
}

function escapeInClass(code: number): string {
  const char = String.fromCodePoint(code);
  if (/^[\\\]["-]$/.test(char)) {
    return `\\${char}`;
  }
  return /^[\w !#-/:-@`{|}~]$/.test(char) ? char : escapeCode(code);
}

function escapeCode(code: number): string {
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) {
    return `\\x${hex.padStart(2, "0")}`;
  }
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
