import { choiceOf, type Expression, NO_TEXT, quoted, reference, sequenceOf, terms } from "../expression.ts";
import { isRecord } from "./keywords.ts";

/** The maximum number of keys that may come in any order; each subset of them is a rule. */
const MAX_ANY_ORDER = 5;

export type ConstantTools = {
  readonly define: (hint: string, expression: Expression) => string;
  readonly whitespace: string;
};

/** Whether a value has parts, which may have white space between them. */
export function isStructured(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : isRecord(value) && Object.keys(value).length > 0;
}

/** Writes one value in any spelling: with white space, and few keys in any order. */
export function writeConstant(value: unknown, tools: ConstantTools): Expression {
  const ws = terms(tools.whitespace);
  const comma = sequenceOf(quoted(","), ws);
  if (Array.isArray(value)) {
    const items = value.flatMap((item, index) => [...(index === 0 ? [] : [comma]), writeConstant(item, tools)]);
    return sequenceOf(quoted("["), ws, ...items, ...(value.length === 0 ? [] : [ws]), quoted("]"));
  }
  if (!isRecord(value)) {
    return quoted(JSON.stringify(value));
  }
  const members = Object.entries(value).map(([key, item]) =>
    sequenceOf(quoted(`${JSON.stringify(key)}:`), ws, writeConstant(item, tools)),
  );
  const body =
    members.length <= MAX_ANY_ORDER
      ? inAnyOrder(members, comma, tools)
      : sequenceOf(...members.flatMap((member, index) => (index === 0 ? [member] : [comma, member])));
  return sequenceOf(quoted("{"), ws, body, ...(members.length === 0 ? [] : [ws]), quoted("}"));
}

/** Writes all of `items`, in any order, separated by `between`. */
function inAnyOrder(items: readonly Expression[], between: Expression, tools: ConstantTools): Expression {
  return chooseDistinct(items, { between, min: items.length, max: items.length, define: tools.define });
}

/** Writes `min` to `max` distinct `items` in any order, separated by `between`. Each rule's name contains the items that were used. */
export function chooseDistinct(
  items: readonly Expression[],
  {
    between,
    min,
    max,
    define,
  }: {
    readonly between: Expression;
    readonly min: number;
    readonly max: number;
    readonly define: ConstantTools["define"];
  },
): Expression {
  const known = new Map<number, Expression>();
  /** Writes the rest after the items in `taken`, a set of bits. */
  function after(taken: number, count: number): Expression {
    const found = known.get(taken);
    if (found !== undefined) {
      return found;
    }
    const separator = count === 0 ? NO_TEXT : between;
    const next = items.flatMap((item, index) =>
      count >= max || isIn(taken, index) ? [] : [sequenceOf(separator, item, after(taken + 2 ** index, count + 1))],
    );
    const rule =
      next.length === 0 ? NO_TEXT : reference(define("rest", choiceOf(...next, ...(count < min ? [] : [NO_TEXT]))));
    known.set(taken, rule);
    return rule;
  }
  return after(0, 0);
}

function isIn(set: number, index: number): boolean {
  return Math.floor(set / 2 ** index) % 2 === 1;
}
