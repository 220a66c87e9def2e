import type { JsonSchema } from "../../generation/request.ts";
import { canonicalNumber } from "../../json/decimal.ts";
import { ANY_CHAR } from "../automaton/char-set.ts";
import { complement, type Dfa, dfaOfTexts, intersect } from "../automaton/dfa.ts";
import { emitDfa, PLAIN } from "../automaton/emit.ts";
import { ROOT_PATH, UnsupportedSchemaError } from "../errors.ts";
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
import { type Budget, MAX_COUNT } from "../limits.ts";
import { createPrimitives } from "../primitives.ts";
import { compileNode } from "../regex/compile.ts";
import { oneOfSet, repeat } from "../regex/node.ts";
import { createRuleBook } from "../rules.ts";
import { writeExpression } from "../write.ts";
import { sortedJson } from "./admit.ts";
import { writeArray } from "./arrays.ts";
import { isStructured, writeConstant } from "./constants.ts";
import { createExpander } from "./expand.ts";
import { numberAutomaton } from "./numbers.ts";
import { type NameRegion, writeObject } from "./objects.ts";
import { createStrings } from "./strings.ts";
import { createTolerance, type DroppedKeyword, type Tolerance } from "./tolerance.ts";
import { type Conjunction, type NumberFacts, type StringFacts, settleTypes, type Variant } from "./variant.ts";

const QUOTE = '"\\""';

/** The cost of a rule, in steps of an automaton. */
const DEFINITION_COST = 12;

/** If there are more structured values, they are written like `JSON.stringify`, since each is followed separately with its white space. */
const MAX_STRUCTURED = 64;

/** No value satisfies the schema. Dropping keywords can't help. */
export class UnsatisfiableSchemaError extends UnsupportedSchemaError {}

/** The rules of a schema. */
type WrittenSchema = {
  /** The name of the first rule. */
  readonly root: string;
  readonly rules: ReadonlyMap<string, string>;
  readonly dropped: readonly DroppedKeyword[];
  /** Whether a dropped keyword may have affected other places, in a schema that must not match. */
  readonly isJudged: boolean;
};

/** Writes the rules of the values of `schema`. Throws `UnsatisfiableSchemaError` when no value is valid. */
export function writeSchema(schema: JsonSchema, budget: Budget): WrittenSchema {
  const path = ROOT_PATH;
  const book = createRuleBook();
  const primitives = createPrimitives(book);
  const tolerance = createTolerance();
  const strings = createStrings(budget, tolerance);
  const expander = createExpander({ schema, path }, { strings, budget, tolerance });
  const rules = new Map<string, Expression>();
  const names = new Map<string, string>();
  const ids = new Map<JsonSchema, number>();
  const written = new Map<string, Expression>();
  const pending: { readonly name: string; readonly conjunction: Conjunction }[] = [];

  const define = (hint: string, expression: Expression): string => {
    budget.spend(DEFINITION_COST, path, "schema");
    const name = book.reserve(hint);
    rules.set(name, expression);
    return name;
  };

  /** Returns the rule of a conjunction's values. It is defined later, to avoid a recursion as deep as the schema. */
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

  function write(given: readonly Variant[], hint: string): Expression {
    const variants = settleTypes(given);
    const values = variants.flatMap((variant) => (variant.type === "values" ? variant.values : []));
    return choiceOf(...writeListed(values, hint), ...variants.map((variant) => writeVariant(variant, hint)));
  }

  /** Writes texts together, so that they share prefixes: a thousand alternatives would be followed one by one. */
  function writeListed(values: readonly unknown[], hint: string): Expression[] {
    const structured = values.filter(isStructured);
    const apart = structured.length <= MAX_STRUCTURED ? structured : [];
    const texts = new Set(
      values.filter((value) => apart.length === 0 || !isStructured(value)).map((value) => JSON.stringify(value)),
    );
    const spend = (steps: number) => budget.spend(steps, path, "enum");
    const distinct = new Map(apart.map((value) => [JSON.stringify(value), value]));
    return [
      ...(texts.size === 0 ? [] : [automaton(dfaOfTexts(texts, spend), hint, PLAIN)]),
      ...Array.from(distinct.values(), (value) =>
        writeConstant(value, { define, whitespace: primitives.whitespace() }),
      ),
    ];
  }

  /** Lists the values of a conjunction as separate expressions. */
  function list(conjunction: Conjunction, most: number): readonly Expression[] | undefined {
    const values = settleTypes(expander.expand(conjunction)).map((variant) => {
      switch (variant.type) {
        case "values":
          return variant.values;
        case "null":
          return [null];
        case "boolean":
          return [true, false];
        default:
          return undefined;
      }
    });
    if (values.includes(undefined)) {
      return undefined;
    }
    const distinct = new Map(values.flatMap((found) => found ?? []).map((value) => [sortedJson(value), value]));
    return distinct.size > most
      ? undefined
      : Array.from(distinct.values(), (value) => writeConstant(value, { define, whitespace: primitives.whitespace() }));
  }

  /** Returns the same rule for the same key. */
  function once(key: string, make: () => Expression): Expression {
    const known = written.get(key);
    if (known !== undefined) {
      return known;
    }
    const before = tolerance.count();
    const expression = make();
    // Dropped keywords must be reported at every place where they occur.
    if (tolerance.count() === before) {
      written.set(key, expression);
    }
    return expression;
  }

  function automaton(dfa: Dfa, hint: string, spelling: typeof PLAIN): Expression {
    return dfa.states.length === 0 ? NOTHING : terms(emitDfa(dfa, spelling, book, hint, path));
  }

  function writeVariant(variant: Variant, hint: string): Expression {
    const at = variant.path || path;
    const held = tolerance.of(variant.sources ?? [at]);
    const tools = { value, define, list, whitespace: primitives.whitespace(), path: at, tolerance: held };
    switch (variant.type) {
      case "values":
        return NOTHING;
      case "null":
        return terms(primitives.null());
      case "boolean":
        return terms(primitives.boolean());
      case "number":
        return writeNumber(variant, hint, at, held);
      case "string":
        return writeString(variant, hint, at, held);
      case "array":
        return writeArray(variant, tools);
      case "object":
        return writeObject(variant, {
          ...tools,
          matches: strings.finds,
          admitsName: (conjunction, key) => conjunction.length === 0 || expander.admits(conjunction, key),
          name: writeName,
        });
    }
  }

  function writeNumber(facts: NumberFacts, hint: string, at: string, tolerance: Tolerance): Expression {
    const { isInteger, lower, upper, multiplesOf } = facts;
    const plain = () => terms(isInteger ? primitives.integer() : primitives.number());
    const key = [lower, upper].map((bound) => [bound && canonicalNumber(bound.value), bound?.isExclusive]);
    return once(`number ${JSON.stringify([isInteger, key, multiplesOf.map(canonicalNumber)])}`, () => {
      const write = (wanted: NumberFacts) => {
        const dfa = numberAutomaton(wanted, at, budget.part());
        return dfa === undefined ? plain() : automaton(dfa, `${hint}-number`, PLAIN);
      };
      const bounded = () =>
        tolerance.attempt(
          at,
          lower === undefined ? "maximum" : "minimum",
          () => write({ ...facts, multiplesOf: [] }),
          plain(),
        );
      return multiplesOf.length === 0
        ? bounded()
        : (tolerance.attempt(at, "multipleOf", () => write(facts), undefined) ?? bounded());
    });
  }

  function writeString(facts: StringFacts, hint: string, at: string, tolerance: Tolerance): Expression {
    const dfa = strings.automaton(facts);
    if (dfa !== undefined) {
      return once(`string ${strings.keyOf(facts)}`, () => inQuotes(automaton(dfa, `${hint}-text`, IN_JSON_STRING)));
    }
    if (facts.min > facts.max) {
      return NOTHING;
    }
    if (facts.min > MAX_COUNT) {
      tolerance.drop(at, "minLength", `strings of more than ${MAX_COUNT} characters are not written`);
    }
    const min = Math.min(facts.min, MAX_COUNT);
    if (min === 0 && facts.max === Number.POSITIVE_INFINITY) {
      return terms(primitives.string());
    }
    const max = facts.max === Number.POSITIVE_INFINITY ? facts.max : Math.min(facts.max, MAX_COUNT);
    return inQuotes(repeated(terms(primitives.character()), min, max));
  }

  /** Names have only one spelling, so that no taken name appears in another. */
  function writeName(conjunction: Conjunction, { taken, inside, outside }: NameRegion): Expression {
    if (conjunction.length === 0 && taken.length === 0 && inside.length === 0 && outside.length === 0) {
      return terms(primitives.string());
    }
    const ids = conjunction.map(({ schema }) => idOf(schema));
    const patterns = [inside, outside].map((list) => list.map(({ pattern }) => pattern));
    return once(`name ${JSON.stringify([ids, taken, patterns])}`, () => {
      const part = budget.part();
      const source = { path, keyword: "propertyNames", budget: part };
      const spend = (steps: number) => part.spend(steps, path, "additionalProperties");
      const limits = [
        complement(dfaOfTexts(taken, spend)),
        ...inside.flatMap(({ pattern, path }) => strings.search(pattern, path) ?? []),
        ...outside.flatMap(({ pattern, path }) => {
          const dfa = strings.search(pattern, path);
          return dfa === undefined ? [] : [complement(dfa)];
        }),
      ];
      const alternatives = settleTypes(expander.expand(conjunction)).flatMap((variant): Dfa[] => {
        if (variant.type === "values") {
          const texts = variant.values.filter((value) => typeof value === "string");
          return [dfaOfTexts(texts, spend)];
        }
        if (variant.type !== "string") {
          return [];
        }
        const max = variant.max === Number.POSITIVE_INFINITY ? variant.max : Math.min(variant.max, variant.min + 256);
        return [strings.automaton(variant) ?? compileNode(repeat(oneOfSet(ANY_CHAR), variant.min, max), source)];
      });
      return inQuotes(
        choiceOf(
          ...alternatives.map((dfa) =>
            automaton(
              limits.reduce((a, b) => intersect(a, b, spend), dfa),
              "name",
              IN_JSON_STRING,
            ),
          ),
        ),
      );
    });
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
    throw new UnsatisfiableSchemaError(path, "schema", "no value can be finished that satisfies it");
  }
  for (const [name, expression] of rules) {
    if (productive.has(name)) {
      book.define(name, writeExpression(expression, productive, book, path), path);
    }
  }
  return { root, rules: book.rules(), dropped: tolerance.dropped(), isJudged: expander.isJudged() };
}

function inQuotes(expression: Expression): Expression {
  return sequenceOf(terms(QUOTE), expression, terms(QUOTE));
}

function isTrivial(schema: JsonSchema): boolean {
  return schema === true || (typeof schema === "object" && Object.keys(schema).length === 0);
}
