import { type AST, RegExpParser, RegExpSyntaxError } from "@eslint-community/regexpp";
import { type CharSet, charSet, DIGITS, invertSet, unionSets, WORD } from "../automaton/char-set.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import { MAX_PATTERN_LENGTH } from "../limits.ts";
import { choice, oneOfSet, type RegexNode, repeat, sequence } from "./node.ts";
import { strictPattern } from "./strict.ts";
import { charactersWith, DOT, SPACE } from "./unicode.ts";

const MAX_COUNT = 999_999_999;

/** Names of groups are removed before: a repeated name can cost it exponential time. */
const parser = new RegExpParser({ ecmaVersion: 2025 });

/**
 * Parses an ECMAScript regular expression without flags. Groups don't capture, and lazy quantifiers become greedy ones: neither changes what
 * matches. Throws `UnsupportedSchemaError` that names an unsupported feature.
 */
export function parseRegex(pattern: string, path: string, keyword: string): RegexNode {
  const refuse = (reason: string) => new UnsupportedSchemaError(path, keyword, reason);
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw refuse(`it is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  if (!isValid(pattern)) {
    throw refuse("it is not a regular expression of ECMAScript");
  }
  return fromAlternatives(parseStrict(strictPattern(pattern, refuse)).alternatives);

  function parseStrict(strict: string): AST.Pattern {
    try {
      return parser.parsePattern(strict, 0, strict.length, { unicode: true });
    } catch (error) {
      throw error instanceof RegExpSyntaxError ? refuse(`it can't be read: ${reasonOf(error)}`) : error;
    }
  }
  function fromAlternatives(alternatives: readonly AST.Alternative[]): RegexNode {
    return choice(...alternatives.map(({ elements }) => sequence(...elements.map(fromElement))));
  }
  function fromElement(element: AST.Element): RegexNode {
    switch (element.type) {
      case "Character":
      case "CharacterSet":
      case "CharacterClass":
        return oneOfSet(setOf(element));
      case "CapturingGroup":
        return fromAlternatives(element.alternatives);
      case "Group":
        if (element.modifiers !== null) {
          throw refuse("flags (?i:…) in it is not supported");
        }
        return fromAlternatives(element.alternatives);
      case "Quantifier":
        return fromQuantifier(element);
      case "Assertion":
        return fromAssertion(element);
      default:
        throw refuse(`${element.raw} in it is not supported`);
    }
  }
  function fromQuantifier({ element, min, max }: AST.Quantifier): RegexNode {
    if (min > MAX_COUNT || (max > MAX_COUNT && max !== Number.POSITIVE_INFINITY)) {
      throw refuse("a count in it is too large");
    }
    return repeat(fromElement(element), min, max);
  }
  function fromAssertion(assertion: AST.Assertion): RegexNode {
    switch (assertion.kind) {
      case "start":
      case "end":
        return { type: assertion.kind };
      case "word":
        return { type: "boundary", isNegated: assertion.negate };
      case "lookahead":
        return { type: "look", isNegated: assertion.negate, inner: fromAlternatives(assertion.alternatives) };
      case "lookbehind":
        throw refuse(`look-behind (?<${assertion.negate ? "!" : "="}…) in it is not supported`);
    }
  }
  function setOf(element: AST.Character | AST.CharacterSet | AST.CharacterClass | AST.CharacterClassElement): CharSet {
    switch (element.type) {
      case "Character":
        return charSet([[element.value, element.value]]);
      case "CharacterClassRange":
        return charSet([[element.min.value, element.max.value]]);
      case "CharacterClass":
        return invertIf(element.negate, unionSets(element.elements.map(setOf)));
      case "CharacterSet":
        return element.kind === "any" ? DOT : invertIf(element.negate, namedSet(element));
      default:
        throw refuse(`${element.raw} in it is not supported`);
    }
  }
  function namedSet(element: AST.EscapeCharacterSet | AST.UnicodePropertyCharacterSet): CharSet {
    switch (element.kind) {
      case "digit":
        return DIGITS;
      case "space":
        return SPACE;
      case "word":
        return WORD;
      case "property": {
        const set = charactersWith(element.value === null ? element.key : `${element.key}=${element.value}`);
        if (set === undefined) {
          throw refuse("a Unicode property \\p{…} in it is not known");
        }
        return set;
      }
    }
  }
}

function invertIf(isNegated: boolean, set: CharSet): CharSet {
  return isNegated ? invertSet(set) : set;
}

/** Returns the problem without the pattern, which the message repeats. */
function reasonOf(error: RegExpSyntaxError): string {
  return error.message.slice(error.message.lastIndexOf(": ") + 2);
}

/** Ajv compiles patterns with the `u` flag, most others without. */
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
