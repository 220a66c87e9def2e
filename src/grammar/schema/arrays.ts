import {
  choiceOf,
  type Expression,
  NO_TEXT,
  NOTHING,
  quoted,
  reference,
  repeated,
  sequenceOf,
  terms,
} from "../expression.ts";
import { MAX_COUNT } from "../limits.ts";
import { chooseDistinct } from "./constants.ts";
import type { Tolerance } from "./tolerance.ts";
import { type ArrayFacts, type Conjunction, isNever } from "./variant.ts";

/** The most values that unique items can be written from: each subset is a rule. */
const MAX_DISTINCT = 7;

export type ArrayTools = {
  /** The rule of a value. */
  readonly value: (conjunction: Conjunction, hint: string) => Expression;
  /** Lists the values of a conjunction; undefined if there are more than `most`, or they can't be counted. */
  readonly list: (conjunction: Conjunction, most: number) => readonly Expression[] | undefined;
  readonly define: (hint: string, expression: Expression) => string;
  readonly whitespace: string;
  readonly tolerance: Tolerance;
  readonly path: string;
};

/**
 * Writes an array: the items of `prefixItems`, then any number of `items`. After a prefix there are others only if the schema allows them
 * explicitly, or `minItems` requires them.
 */
export function writeArray(facts: ArrayFacts, tools: ArrayTools): Expression {
  const { value, define, whitespace, tolerance, path } = tools;
  const { prefix } = facts;
  if (facts.min > MAX_COUNT) {
    tolerance.drop(path, "minItems", `arrays of more than ${MAX_COUNT} items are not written`);
  }
  const min = Math.min(facts.min, MAX_COUNT);
  if (facts.isUnique && facts.max > 1) {
    const distinct = writeDistinct(facts, tools);
    if (distinct !== undefined) {
      return distinct;
    }
    tolerance.drop(
      path,
      "uniqueItems",
      `a grammar can compare only items of an enum with at most ${MAX_DISTINCT} values; check it afterwards`,
    );
  }
  const impossible = prefix.findIndex(isNever);
  const hasItems = facts.items !== undefined || prefix.length === 0 || min > prefix.length;
  const items = facts.items ?? [];
  const longest = impossible >= 0 ? impossible : hasItems && !isNever(items) ? facts.max : prefix.length;
  const max = Math.min(facts.max, longest, Math.max(MAX_COUNT, prefix.length));
  if (min > Math.min(facts.max, longest)) {
    return NOTHING;
  }
  const isUnbounded = facts.max === Number.POSITIVE_INFINITY && longest === Number.POSITIVE_INFINITY;
  const ws = terms(whitespace);
  const comma = sequenceOf(quoted(","), ws);

  /** The items from `index` on, separated by commas. */
  let rest: Expression = NO_TEXT;
  if (isUnbounded || max > prefix.length) {
    const item = value(items, "item");
    const count = Math.max(min - prefix.length, 0);
    const most = isUnbounded ? Number.POSITIVE_INFINITY : max - prefix.length;
    rest =
      prefix.length > 0
        ? repeated(sequenceOf(comma, item), count, most)
        : choiceOf(
            sequenceOf(item, repeated(sequenceOf(comma, item), Math.max(count - 1, 0), most - 1), ws),
            ...(min === 0 ? [NO_TEXT] : []),
          );
  }
  for (let index = Math.min(prefix.length, max) - 1; index >= 0; index -= 1) {
    const item = value(prefix[index] ?? [], "item");
    const taken = index === 0 ? sequenceOf(item, rest, ws) : sequenceOf(comma, item, rest);
    rest = reference(define("items", min <= index ? choiceOf(taken, NO_TEXT) : taken));
  }
  return sequenceOf(quoted("["), ws, rest, quoted("]"));
}

/** Writes an array of distinct items; undefined if there are too many possible ones. */
function writeDistinct({ prefix, items, min, max }: ArrayFacts, tools: ArrayTools): Expression | undefined {
  const listed = prefix.length > 0 || items === undefined ? undefined : tools.list(items, MAX_DISTINCT);
  if (listed === undefined) {
    return undefined;
  }
  if (min > Math.min(listed.length, max)) {
    return NOTHING;
  }
  const ws = terms(tools.whitespace);
  const between = sequenceOf(quoted(","), ws);
  const body = chooseDistinct(listed, { between, min: Math.max(min, 1), max, define: tools.define });
  return sequenceOf(quoted("["), ws, choiceOf(sequenceOf(body, ws), ...(min === 0 ? [NO_TEXT] : [])), quoted("]"));
}
