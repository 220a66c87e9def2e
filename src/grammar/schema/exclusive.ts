import { compareDecimals } from "../../json/decimal.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import type { Budget } from "../limits.ts";
import type { Strings } from "./strings.ts";
import type { Tolerance } from "./tolerance.ts";
import {
  type Bound,
  type Conjunction,
  conjunctionOf,
  isNever,
  type ObjectFacts,
  settleTypes,
  type Variant,
} from "./variant.ts";

/** The maximum depth of a tag that distinguishes two branches. */
const MAX_TAG_DEPTH = 3;

const NEVER: Conjunction = [{ schema: false, path: "" }];

type Branch = {
  /** The values that the grammar allows. */
  readonly written: readonly Variant[];
  /** All values that the branch may admit. */
  readonly possible: readonly Variant[];
};

type Tools = {
  /** Returns all values that a conjunction may admit. */
  readonly expand: (conjunction: Conjunction) => readonly Variant[];
  readonly merge: (a: Variant, b: Variant) => Variant | undefined;
  readonly strings: Strings;
  readonly budget: Budget;
  readonly tolerance: Tolerance;
  readonly path: string;
};

/**
 * Returns the values of exactly one of `branches`, each given as its alternatives. Throws `UnsupportedSchemaError` unless no value can be in
 * two of them: by type, by value, by range, or by a property. Objects that don't specify other properties are written without any, which
 * separates branches that would otherwise overlap.
 */
export function makeExclusive(branches: readonly Branch[], tools: Tools): readonly Variant[] {
  const closed = branches.map(({ written }) => settleTypes(written).map(close));
  for (const [first, { possible }] of branches.entries()) {
    for (const [second, others] of closed.entries()) {
      // Compares the written values of one branch, which are closed, to all values of the other.
      if (first !== second && !areDisjoint(others, possible, tools, 0)) {
        throw new UnsupportedSchemaError(
          tools.path,
          "oneOf",
          `a value could match [${Math.min(first, second)}] and [${Math.max(first, second)}]; use anyOf, or tell them apart by a required property with a const`,
        );
      }
    }
  }
  return closed.flat();
}

function close(variant: Variant): Variant {
  return variant.type === "object" &&
    variant.additional === undefined &&
    variant.patterns.length === 0 &&
    variant.properties.size > 0
    ? { ...variant, additional: NEVER }
    : variant;
}

function areDisjoint(a: readonly Variant[], b: readonly Variant[], tools: Tools, depth: number): boolean {
  tools.budget.spend(a.length * b.length, tools.path, "oneOf");
  return a.every((mine) => b.every((theirs) => isDisjoint(mine, theirs, tools, depth)));
}

function isDisjoint(a: Variant, b: Variant, tools: Tools, depth: number): boolean {
  const both = tools.merge(a, b);
  if (both === undefined) {
    return true;
  }
  switch (both.type) {
    case "number":
      return isEmptyRange(both.lower, both.upper);
    case "string":
      return tools.strings.isEmpty(both);
    case "array":
      return both.min > both.max;
    case "object":
      return depth < MAX_TAG_DEPTH && isEmptyObject(both, tools, depth);
    default:
      return false;
  }
}

function isEmptyRange(lower: Bound | undefined, upper: Bound | undefined): boolean {
  if (lower === undefined || upper === undefined) return false;
  const order = compareDecimals(lower.value, upper.value);
  return order > 0 || (order === 0 && (lower.isExclusive || upper.isExclusive));
}

/** Whether no object can satisfy both. */
function isEmptyObject(both: ObjectFacts, tools: Tools, depth: number): boolean {
  return [...both.required].some((key) => {
    const conjunction = conjunctionOf(both, key, tools.strings.finds);
    if (isNever(conjunction)) {
      return true;
    }
    // They aren't known yet if a reference leads back to this schema.
    const parts = tools.tolerance.probe(() => conjunction.map((located) => tools.expand([located])));
    // Two parts that exclude each other leave no value.
    return (
      parts?.some((mine, index) =>
        parts.slice(index + 1).some((theirs) => areDisjoint(mine, theirs, tools, depth + 1)),
      ) ?? false
    );
  });
}
