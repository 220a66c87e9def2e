import { UnsupportedSchemaError } from "../errors.ts";
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
import { type ArrayFacts, type Conjunction, isNever } from "./variant.ts";

export type ArrayTools = {
  /** The rule of a value. */
  readonly value: (conjunction: Conjunction, hint: string) => Expression;
  readonly define: (hint: string, expression: Expression) => string;
  readonly whitespace: string;
  readonly path: string;
};

/**
 * An array: what `prefixItems` lists, then any number of `items`. Behind a prefix there are others only where the schema says so, or
 * `minItems` wants them.
 */
export function writeArray(facts: ArrayFacts, { value, define, whitespace, path }: ArrayTools): Expression {
  const { prefix, min } = facts;
  const impossible = prefix.findIndex(isNever);
  const hasItems = facts.items !== undefined || prefix.length === 0 || min > prefix.length;
  const items = facts.items ?? [];
  const longest = impossible >= 0 ? impossible : hasItems && !isNever(items) ? facts.max : prefix.length;
  const max = Math.min(facts.max, longest, Math.max(MAX_COUNT, prefix.length));
  if (min > MAX_COUNT) {
    throw new UnsupportedSchemaError(path, "minItems", `arrays of more than ${MAX_COUNT} items are not written`);
  }
  if (min > Math.min(facts.max, longest)) {
    return NOTHING;
  }
  const isUnbounded = facts.max === Number.POSITIVE_INFINITY && longest === Number.POSITIVE_INFINITY;
  const ws = terms(whitespace);
  const comma = sequenceOf(quoted(","), ws);

  /** The items from `index` on, each behind a comma but the very first. */
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
