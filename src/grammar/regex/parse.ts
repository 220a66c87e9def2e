import { type CharRange, type CharSet, charSet, codePoint, invertSet } from "../automaton/char-set.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import { MAX_PATTERN_LENGTH } from "../limits.ts";
import { DOT, readEscape } from "./escapes.ts";
import { choice, oneOfSet, type RegexNode, repeat, sequence } from "./node.ts";
import { charactersWith } from "./unicode.ts";

const MAX_NESTED_GROUPS = 100;

/** The groups that look around, and the escapes that no automaton knows: what begins like this, and its name. */
const REFUSED_GROUPS: readonly (readonly [RegExp, string])[] = [
  [/^\?<=/, "look-behind (?<=…)"],
  [/^\?<!/, "look-behind (?<!…)"],
  [/^\?[a-z-]+[:)]/, "flags (?i:…)"],
];
const REFUSED_ESCAPES: readonly (readonly [RegExp, string])[] = [
  [/^[1-9]/, "a back-reference"],
  [/^k/, "a named back-reference"],
];

/**
 * Parses an ECMAScript regular expression without flags. Groups don't capture here, and lazy quantifiers are like greedy ones: neither
 * changes what matches. Throws `UnsupportedSchemaError` with the name of what is not supported.
 */
export function parseRegex(pattern: string, path: string, keyword: string): RegexNode {
  const refuse = (reason: string) => new UnsupportedSchemaError(path, keyword, reason);
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw refuse(`it is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  if (!isValid(pattern)) {
    throw refuse("it is not a regular expression of ECMAScript");
  }
  let index = 0;
  let depth = 0;

  const peek = () => pattern[index];
  const take = (expected: RegExp): RegExpExecArray | null => {
    const found = expected.exec(pattern.slice(index, index + 32));
    index += found?.[0].length ?? 0;
    return found;
  };

  function parseChoice(): RegexNode {
    const items = [parseSequence()];
    while (peek() === "|") {
      index += 1;
      items.push(parseSequence());
    }
    return choice(...items);
  }
  function parseSequence(): RegexNode {
    const items: RegexNode[] = [];
    while (index < pattern.length && peek() !== "|" && peek() !== ")") {
      items.push(parseQuantifier(parseAtom()));
    }
    return sequence(...items);
  }
  function parseQuantifier(item: RegexNode): RegexNode {
    const found = take(/^(?:([*+?])|\{(\d{1,9})(,(\d{1,9})?)?\})\??/);
    if (found === null) {
      if (/^\{\d+(,\d*)?\}/.test(pattern.slice(index))) {
        throw refuse("a count in it is too large");
      }
      return item;
    }
    const [, sign, min, comma, max] = found;
    if (sign !== undefined) {
      return repeat(item, sign === "+" ? 1 : 0, sign === "?" ? 1 : Number.POSITIVE_INFINITY);
    }
    const least = Number(min);
    return repeat(
      item,
      least,
      comma === undefined ? least : max === undefined ? Number.POSITIVE_INFINITY : Number(max),
    );
  }
  function parseAtom(): RegexNode {
    switch (peek()) {
      case "^":
        index += 1;
        return { type: "start" };
      case "$":
        index += 1;
        return { type: "end" };
      case "(":
        return parseGroup();
      case ".":
        index += 1;
        return oneOfSet(DOT);
      case "[":
        return oneOfSet(parseClass());
      case "\\": {
        const boundary = take(/^\\[bB]/);
        return boundary === null ? oneOfSet(parseEscape()) : { type: "boundary", isNegated: boundary[0] === "\\B" };
      }
      default:
        return oneOfSet(parseChar());
    }
  }
  function parseGroup(): RegexNode {
    index += 1;
    depth += 1;
    if (depth > MAX_NESTED_GROUPS) {
      throw refuse("its groups are nested too deep");
    }
    refuseAny(REFUSED_GROUPS);
    const ahead = take(/^\?[=!]/);
    take(/^\?(?:<[^>]*>|:)/);
    const inner = parseChoice();
    index += 1;
    depth -= 1;
    return ahead === null ? inner : { type: "look", isNegated: ahead[0] === "?!", inner };
  }
  function parseChar(): CharSet {
    const code = pattern.codePointAt(index) ?? 0;
    index += code > 0xffff ? 2 : 1;
    return charSet([[code, code]]);
  }
  function parseEscape(): CharSet {
    index += 1;
    refuseAny(REFUSED_ESCAPES);
    return parseProperty() ?? readOrRefuse(index - 1);
  }
  /** Behind the backslash. */
  function parseProperty(): CharSet | undefined {
    const found = take(/^([pP])\{([\w=]{1,28})\}/);
    if (found === null) {
      if (/^[pP]/.test(pattern.slice(index))) {
        throw refuse("a Unicode property \\p{…} in it is not known");
      }
      return undefined;
    }
    const [, kind, property = ""] = found;
    const set = charactersWith(property);
    if (set === undefined) {
      throw refuse("a Unicode property \\p{…} in it is not known");
    }
    return kind === "P" ? invertSet(set) : set;
  }
  function readOrRefuse(from: number): CharSet {
    const found = readEscape(pattern, from);
    if (found === undefined) {
      throw refuse(`the escape \\${pattern[from + 1]} in it is not supported`);
    }
    index = from + found.length;
    return found.set;
  }
  function parseClass(): CharSet {
    index += 1;
    const isInverted = take(/^\^/) !== null;
    const ranges: CharRange[] = [];
    while (peek() !== "]") {
      const first = parseClassItem();
      const low = singleOf(first);
      if (low !== undefined && /^-[^\]]/.test(pattern.slice(index))) {
        index += 1;
        const last = parseClassItem();
        const high = singleOf(last);
        ranges.push(...(high === undefined ? [...first, codeRange("-"), ...last] : [[low, high] as const]));
      } else {
        ranges.push(...first);
      }
    }
    index += 1;
    const set = charSet(ranges);
    return isInverted ? invertSet(set) : set;
  }
  function parseClassItem(): CharSet {
    if (peek() !== "\\") {
      return parseChar();
    }
    if (pattern[index + 1] === "b") {
      index += 2;
      return [[8, 8]];
    }
    index += 1;
    return parseProperty() ?? readOrRefuse(index - 1);
  }
  function refuseAny(names: readonly (readonly [RegExp, string])[]): void {
    const found = names.find(([beginning]) => beginning.test(pattern.slice(index, index + 16)));
    if (found !== undefined) {
      throw refuse(`${found[1]} in it is not supported`);
    }
  }

  return parseChoice();
}

function codeRange(char: string): CharRange {
  return [codePoint(char), codePoint(char)];
}

function singleOf(set: CharSet): number | undefined {
  const [range] = set;
  return set.length === 1 && range !== undefined && range[0] === range[1] ? range[0] : undefined;
}

/** Ajv takes patterns with the `u` flag, most others without. */
function isValid(pattern: string): boolean {
  return ["u", ""].some((flags) => {
    try {
      new RegExp(pattern, flags);
      return true;
    } catch {
      return false;
    }
  });
}
