import { ROOT_PATH } from "./errors.ts";
import { MAX_DIGITS } from "./limits.ts";
import type { RuleBook } from "./rules.ts";

/**
 * White space between two tokens: nothing, a space, or a line break with its indentation. Limited, because a confused model repeats it until
 * its tokens are used up (vLLM #38696, xgrammar #412).
 */
const WHITESPACE = '(" " | "\\n" " "{0,16})?';

/**
 * One code point of a string, escaped as usual in JSON. A surrogate needs its other half, so that the count is right and the text is UTF-8.
 */
const HEX = "[0-9a-fA-F]";
const ESCAPED = [
  '["\\\\/bfnrt]'.replace('"', '\\"'),
  `"u" ([0-9abcefABCEF] ${HEX} ${HEX} ${HEX} | [dD] [0-7] ${HEX} ${HEX} | [dD] [89abAB] ${HEX} ${HEX} "\\\\u" [dD] [c-fC-F] ${HEX} ${HEX})`,
].join(" | ");
const CHARACTER = `[ !#-\\[\\]-\\uD7FF\\uE000-\\U0010FFFF] | "\\\\" (${ESCAPED})`;

const INTEGER = `"0" | "-"? [1-9] [0-9]{0,${MAX_DIGITS - 1}}`;
const NUMBER = `"-"? ("0" | [1-9] [0-9]{0,${MAX_DIGITS - 1}}) ("." [0-9]{1,${MAX_DIGITS}})? ([eE] [+\\-]? [0-9]{1,3})?`;

/** The rules that all grammars of JSON share, defined on first use. Each function returns a name. */
export type Primitives = {
  readonly whitespace: () => string;
  readonly character: () => string;
  readonly string: () => string;
  readonly integer: () => string;
  readonly number: () => string;
  readonly boolean: () => string;
  readonly null: () => string;
  /** Any object, array and value. */
  readonly object: () => string;
  readonly array: () => string;
  readonly value: () => string;
};

/** @param path the path in the error when the grammar grows too large */
export function createPrimitives(book: RuleBook, path = ROOT_PATH): Primitives {
  const rule = (hint: string, body: string) => book.rule(hint, body, path);
  let recursive: { readonly object: string; readonly array: string; readonly value: string } | undefined;

  const primitives: Primitives = {
    whitespace: () => rule("ws", WHITESPACE),
    character: () => rule("char", CHARACTER),
    string: () => rule("string", `"\\"" ${primitives.character()}* "\\""`),
    integer: () => rule("integer", INTEGER),
    number: () => rule("number", NUMBER),
    boolean: () => rule("boolean", '"true" | "false"'),
    null: () => rule("null", '"null"'),
    object: () => defineRecursive().object,
    array: () => defineRecursive().array,
    value: () => defineRecursive().value,
  };

  function defineRecursive() {
    if (recursive !== undefined) {
      return recursive;
    }
    recursive = { object: book.reserve("object"), array: book.reserve("array"), value: book.reserve("value") };
    const { object, array, value } = recursive;
    const ws = primitives.whitespace();
    const member = rule("member", `${primitives.string()} ":" ${ws} ${value}`);
    book.define(object, `"{" ${ws} (${member} ("," ${ws} ${member})* ${ws})? "}"`, path);
    book.define(array, `"[" ${ws} (${value} ("," ${ws} ${value})* ${ws})? "]"`, path);
    const scalars = [primitives.string(), primitives.number(), primitives.boolean(), primitives.null()];
    book.define(value, [object, array, ...scalars].join(" | "), path);
    return recursive;
  }

  return primitives;
}
