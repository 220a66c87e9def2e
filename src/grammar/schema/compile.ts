import type { JsonSchema } from "../../generation/request.ts";
import { ANY_CHAR } from "../automaton/char-set.ts";
import { complement, type Dfa, dfaOfTexts, intersect } from "../automaton/dfa.ts";
import { emitDfa, PLAIN } from "../automaton/emit.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import {
  choiceOf,
  type Expression,
  findProductive,
  NOTHING,
  reference,
  repeated,
  sequenceOf,
  terms,
} from "../expression.ts";
import { IN_JSON_STRING } from "../json-spelling.ts";
import { createBudget, MAX_COUNT } from "../limits.ts";
import type { Primitives } from "../primitives.ts";
import { compileNode } from "../regex/compile.ts";
import { oneOfSet, repeat } from "../regex/node.ts";
import type { RuleBook } from "../rules.ts";
import { writeExpression } from "../write.ts";
import { writeArray } from "./arrays.ts";
import { createExpander } from "./expand.ts";
import { numberAutomaton } from "./numbers.ts";
import { writeObject } from "./objects.ts";
import { boundSchema } from "./references.ts";
import { createStrings } from "./strings.ts";
import type { Conjunction, StringFacts, Variant } from "./variant.ts";

const QUOTE = '"\\""';

/**
 * Defines the rules of the values of `schema`, written as JSON, and returns the name of the first. Whatever follows them is valid;
 * not every spelling of a valid value follows them. Throws `UnsupportedSchemaError` for what can't be honoured.
 */
export function compileSchema(schema: JsonSchema, path: string, book: RuleBook, primitives: Primitives): string {
  boundSchema(schema, path);
  const budget = createBudget();
  const strings = createStrings(budget);
  const expander = createExpander({ schema, path }, strings, budget);
  const rules = new Map<string, Expression>();
  const names = new Map<string, string>();
  const ids = new Map<JsonSchema, number>();
  const pending: { readonly name: string; readonly conjunction: Conjunction }[] = [];

  const define = (hint: string, expression: Expression): string => {
    const name = book.reserve(hint);
    rules.set(name, expression);
    return name;
  };

  /** The rule of the values of a conjunction. It is defined later, so that nothing here goes as deep as the schema does. */
  function value(conjunction: Conjunction, hint: string): Expression {
    const parts = new Map(
      conjunction.filter(({ schema }) => !isTrivial(schema)).map((part) => [idOf(part.schema), part]),
    );
    if (parts.size === 0) {
      return terms(primitives.value());
    }
    const key = [...parts.keys()].sort((a, b) => a - b).join();
    const known = names.get(key);
    if (known !== undefined) {
      return reference(known);
    }
    const name = book.reserve(hint);
    names.set(key, name);
    pending.push({ name, conjunction: [...parts.values()] });
    return reference(name);
  }

  function idOf(schema: JsonSchema): number {
    const id = ids.get(schema) ?? ids.size;
    ids.set(schema, id);
    return id;
  }

  function write(variants: readonly Variant[], hint: string): Expression {
    const values = new Set(
      variants.flatMap((variant) =>
        variant.type === "values" ? variant.values.map((value) => JSON.stringify(value)) : [],
      ),
    );
    const listed = values.size === 0 ? [] : [writeListed(values, hint)];
    return choiceOf(...listed, ...variants.map((variant) => writeVariant(variant, hint)));
  }

  /** All at once, so that they share their beginnings: a thousand alternatives would be followed one by one. */
  function writeListed(values: ReadonlySet<string>, hint: string): Expression {
    return automaton(
      dfaOfTexts(values, (steps) => budget.spend(steps, path, "enum")),
      hint,
      PLAIN,
    );
  }

  function automaton(dfa: Dfa, hint: string, spelling: typeof PLAIN): Expression {
    return dfa.states.length === 0 ? NOTHING : terms(emitDfa(dfa, spelling, book, hint, path));
  }

  function writeVariant(variant: Variant, hint: string): Expression {
    const tools = { value, define, whitespace: primitives.whitespace(), path: variant.path || path };
    switch (variant.type) {
      case "values":
        return NOTHING;
      case "null":
        return terms(primitives.null());
      case "boolean":
        return terms(primitives.boolean());
      case "number": {
        const dfa = numberAutomaton(variant, tools.path, budget);
        return dfa === undefined
          ? terms(variant.isInteger ? primitives.integer() : primitives.number())
          : automaton(dfa, `${hint}-number`, PLAIN);
      }
      case "string":
        return writeString(variant, hint, tools.path);
      case "array":
        return writeArray(variant, tools);
      case "object":
        return writeObject(variant, {
          ...tools,
          admitsName: (conjunction, key) => conjunction.length === 0 || expander.admits(conjunction, key),
          name: writeName,
        });
    }
  }

  function writeString(facts: StringFacts, hint: string, at: string): Expression {
    const dfa = strings.automaton(facts);
    if (dfa !== undefined) {
      return inQuotes(automaton(dfa, `${hint}-text`, IN_JSON_STRING));
    }
    if (facts.min > facts.max) {
      return NOTHING;
    }
    if (facts.min > MAX_COUNT) {
      throw new UnsupportedSchemaError(at, "minLength", `strings of more than ${MAX_COUNT} characters are not written`);
    }
    if (facts.min === 0 && facts.max === Number.POSITIVE_INFINITY) {
      return terms(primitives.string());
    }
    const max = facts.max === Number.POSITIVE_INFINITY ? facts.max : Math.min(facts.max, MAX_COUNT);
    return inQuotes(repeated(terms(primitives.character()), facts.min, max));
  }

  /** Names are written in one way only, so that none of `taken` comes in disguise. */
  function writeName(conjunction: Conjunction, taken: readonly string[]): Expression {
    if (conjunction.length === 0 && taken.length === 0) {
      return terms(primitives.string());
    }
    const source = { path, keyword: "propertyNames", budget };
    const spend = (steps: number) => budget.spend(steps, path, "additionalProperties");
    const others = complement(dfaOfTexts(taken, spend));
    const alternatives = expander.expand(conjunction).flatMap((variant): Dfa[] => {
      if (variant.type === "values") {
        return [
          dfaOfTexts(
            variant.values.filter((value) => typeof value === "string"),
            spend,
          ),
        ];
      }
      if (variant.type !== "string") {
        return [];
      }
      const max = variant.max === Number.POSITIVE_INFINITY ? variant.max : Math.min(variant.max, variant.min + 256);
      return [strings.automaton(variant) ?? compileNode(repeat(oneOfSet(ANY_CHAR), variant.min, max), source)];
    });
    return inQuotes(
      choiceOf(...alternatives.map((dfa) => automaton(intersect(dfa, others, spend), "name", IN_JSON_STRING))),
    );
  }

  const root = book.reserve("value");
  names.set(String(idOf(schema)), root);
  pending.push({ name: root, conjunction: [{ schema, path }] });
  for (const { name, conjunction } of pending) {
    budget.spend(10, path, "schema");
    rules.set(name, write(expander.expand(conjunction), name));
  }

  const productive = findProductive(rules);
  if (!productive.has(root)) {
    throw new UnsupportedSchemaError(path, "schema", "no value can be finished that satisfies it");
  }
  for (const [name, expression] of rules) {
    if (productive.has(name)) {
      book.define(name, writeExpression(expression, productive, book, path), path);
    }
  }
  return root;
}

function inQuotes(expression: Expression): Expression {
  return sequenceOf(terms(QUOTE), expression, terms(QUOTE));
}

function isTrivial(schema: JsonSchema): boolean {
  return schema === true || (typeof schema === "object" && Object.keys(schema).length === 0);
}
