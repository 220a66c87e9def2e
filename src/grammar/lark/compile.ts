import { charSet, codePoint } from "../automaton/char-set.ts";
import { emitDfa, type Spelling } from "../automaton/emit.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import { createBudget } from "../limits.ts";
import { compileNode, compileWhole } from "../regex/compile.ts";
import { oneOfSet, type RegexNode, type Source, sequence } from "../regex/node.ts";
import type { RuleBook } from "../rules.ts";
import { literal } from "../text.ts";
import type { LarkGrammar, LarkNode } from "./node.ts";
import { parseLark } from "./parse.ts";
import { LarkSyntaxError } from "./tokens.ts";

const START = "start";
/** The cost limit for one grammar: some tens of milliseconds. */
const MAX_EFFORT = { steps: 200_000 };
/** The cost of a terminal that is a pattern, in steps, in addition to its automaton. */
const STEPS_PER_PATTERN = 1_500;
/** The cost of one character of a grammar, in steps. */
const STEPS_PER_CHARACTER = 8;

/**
 * Writes a grammar in Lark's notation as rules for its texts in this spelling, and returns the first one's name.
 *
 * Lark splits a text into terminals before it applies rules. A grammar that depends on the choice of terminals allows a little more here.
 *
 * @throws UnsupportedSchemaError if the grammar is malformed or can't be translated
 */
export function compileLark(source: string, spelling: Spelling, path: string, book: RuleBook): string {
  const budget = createBudget(MAX_EFFORT);
  budget.spend(source.length * STEPS_PER_CHARACTER, path, "lark");
  const { definitions, ignored } = parse(source, path);
  const names = new Map(Array.from(definitions.keys(), (name) => [name, book.reserve(`lark-${name}`)]));
  const between = ignored.length === 0 ? undefined : book.reserve("lark-ignored");
  for (const [name, node] of definitions) {
    // Ignored text may precede a terminal, but not occur inside one.
    const isTerminal = name === name.toUpperCase();
    book.define(names.get(name) ?? name, writeNode(node, isTerminal), path);
  }
  if (between !== undefined) {
    book.define(between, `(${ignored.map((node) => writeNode(node, true)).join(" | ")})*`, path);
  }
  const start = names.get(START);
  if (start === undefined) throw new UnsupportedSchemaError(path, "lark", `it has no rule named ${START}`);
  return start;

  function writeNode(node: LarkNode, isTerminal: boolean): string {
    switch (node.type) {
      case "sequence":
        return node.items.length === 0 ? '""' : node.items.map((item) => writeTerm(item, isTerminal)).join(" ");
      case "choice":
        return node.items.map((item) => writeNode(item, isTerminal)).join(" | ");
      default:
        return writeTerm(node, isTerminal);
    }
  }

  function writeTerm(node: LarkNode, isTerminal: boolean): string {
    switch (node.type) {
      case "sequence":
      case "choice":
        return `(${writeNode(node, isTerminal)})`;
      case "repeat": {
        const item = writeTerm(node.item, isTerminal);
        return `(${item})${writeCount(node.min, node.max)}`;
      }
      case "reference": {
        const name = names.get(node.name);
        if (name === undefined) {
          throw new UnsupportedSchemaError(path, "lark", `it uses ${node.name.slice(0, 64)}, which is not defined`);
        }
        const leads = between !== undefined && !isTerminal && node.name === node.name.toUpperCase();
        return leads ? `${between} ${name}` : name;
      }
      default: {
        const text = writeText(node, spelling, { path, keyword: "lark", budget }, book);
        return between === undefined || isTerminal ? text : `${between} ${text}`;
      }
    }
  }
}

function parse(source: string, path: string): LarkGrammar {
  try {
    return parseLark(source);
  } catch (error) {
    throw error instanceof LarkSyntaxError ? new UnsupportedSchemaError(path, "lark", error.message) : error;
  }
}

function writeText(
  node: Extract<LarkNode, { type: "text" | "range" | "regex" }>,
  spelling: Spelling,
  where: Source,
  book: RuleBook,
): string {
  if (node.type === "text" && !node.ignoresCase) {
    return literal(Array.from(node.text.toWellFormed(), (char) => spelling.char(codePoint(char))).join(""));
  }
  where.budget.spend(STEPS_PER_PATTERN, where.path, "lark");
  const dfa =
    node.type === "regex"
      ? compileWhole(node.pattern, where)
      : compileNode(node.type === "range" ? rangeNode(node.first, node.last) : anyCase(node.text), where);
  if (dfa.states.length === 0)
    throw new UnsupportedSchemaError(where.path, "lark", "no text matches one of its terminals");
  return emitDfa(dfa, spelling, book, "lark-text", where.path);
}

function rangeNode(first: string, last: string): RegexNode {
  return oneOfSet(charSet([[codePoint(first), codePoint(last)]]));
}

function anyCase(text: string): RegexNode {
  return sequence(
    ...Array.from(text, (char) => {
      const codes = [...new Set([char, char.toLowerCase(), char.toUpperCase()])].filter(
        (one) => Array.from(one).length === 1,
      );
      return oneOfSet(charSet(codes.map((one) => [codePoint(one), codePoint(one)])));
    }),
  );
}

function writeCount(min: number, max: number): string {
  if (min === 0 && max === 1) return "?";
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? "*" : min === 1 ? "+" : `{${min},}`;
  return `{${min},${max}}`;
}
