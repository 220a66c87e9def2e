import { codePoint } from "../automaton/char-set.ts";
import type { UnsupportedSchemaError } from "../errors.ts";
import { charactersWith } from "./unicode.ts";

/** The parser recurses into nested groups. */
const MAX_NESTED_GROUPS = 100;

const ESCAPE =
  /\\(?:[pP]\{[\w=]+\}|u\{[\da-fA-F]+\}|u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[a-zA-Z]|.)/
    .source;
const ATOM = `(${ESCAPE}|.)`;
const CLASS = /\[(?<not>\^?)(?<items>(?:\\.|[^\]\\])*)\]/.source;
const OTHERS = /\(\?<(?![=!])[^>]*>|\{\d+(?:,\d*)?\}|[(){}\]]|[^\\[\](){}]+/.source;
const TOKEN = new RegExp(`${CLASS}|(?<escaped>${ESCAPE})|${OTHERS}`, "gsu");
const CLASS_ITEM = new RegExp(`${ATOM}(?:-${ATOM})?`, "gsu");
/** These match many characters, so they can't begin or end a range. */
const SET = /^\\[dDwWsSpP]/;

/**
 * Rewrites a valid pattern for the `u` flag. Forms that are valid only without the flag keep their meaning: a single bracket, an unneeded
 * escape, `[\w-.]`. Names of groups are removed. Throws the error of `refuse` if groups are nested too deep, and for an unknown escape.
 */
export function strictPattern(pattern: string, refuse: (reason: string) => UnsupportedSchemaError): string {
  let depth = 0;
  return Array.from(pattern.matchAll(TOKEN), ({ 0: token, groups }) => {
    const { not, items, escaped } = groups ?? {};
    if (items !== undefined) {
      return `[${not}${strictClass(items)}]`;
    }
    if (escaped !== undefined) {
      return strictEscape(escaped, /[dDwWsStnvfr0bB]/);
    }
    depth += token.startsWith("(") ? 1 : token === ")" ? -1 : 0;
    if (depth > MAX_NESTED_GROUPS) {
      throw refuse("its groups are nested too deep");
    }
    if (token.startsWith("(")) {
      // In a group of its own, a look-ahead may be followed by a quantifier.
      return "(?:(";
    }
    return token === ")" ? "))" : /^[{}\]]$/.test(token) ? `\\${token}` : token;
  }).join("");

  function strictClass(items: string): string {
    return items.replaceAll(CLASS_ITEM, (_, first: string, last: string | undefined) => {
      if (last === undefined) {
        return strictAtom(first);
      }
      return `${strictAtom(first)}${SET.test(first) || SET.test(last) ? "\\-" : "-"}${strictAtom(last)}`;
    });
  }
  function strictAtom(atom: string): string {
    return atom === "-" ? "\\-" : atom.startsWith("\\") ? strictEscape(atom, /[dDwWsStnvfr0b]/) : atom;
  }
  function strictEscape(escaped: string, known: RegExp): string {
    const property = /^\\p(?:\{(.+)\})?$/i.exec(escaped);
    if (property !== null && (property[1] === undefined || charactersWith(property[1]) === undefined)) {
      throw refuse("a Unicode property \\p{…} in it is not known");
    }
    const letter = /^\\(.)$/su.exec(escaped)?.[1];
    if (letter === undefined || known.test(letter)) {
      return escaped;
    }
    if (/[\p{L}\d]/u.test(letter)) {
      throw refuse(`${nameOf(letter)} in it is not supported`);
    }
    return `\\u{${codePoint(letter).toString(16)}}`;
  }
}

function nameOf(letter: string): string {
  return /\d/.test(letter) ? "a back-reference" : letter === "k" ? "a named back-reference" : `the escape \\${letter}`;
}
