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

/** How deep a tag that tells two branches apart may lie. */
const MAX_TAG_DEPTH = 3;

const NEVER: Conjunction = [{ schema: false, path: "" }];

type Branch = {
  /** What is written for it. */
  readonly written: readonly Variant[];
  /** All values that it may admit. */
  readonly possible: readonly Variant[];
};

type Tools = {
  /** All values that a conjunction may admit. */
  readonly expand: (conjunction: Conjunction) => readonly Variant[];
  readonly merge: (a: Variant, b: Variant) => Variant | undefined;
  readonly strings: Strings;
  readonly budget: Budget;
  readonly tolerance: Tolerance;
  readonly path: string;
};

/**
 * The values of exactly one of `branches`, each given as its alternatives. Throws `UnsupportedSchemaError` unless it is certain that no
 * value is in two of them: by type, by value, by range, or by a property. Objects that don't say what other properties they take are
 * written without any, which tells apart what else would overlap.
 */
export function makeExclusive(branches: readonly Branch[], tools: Tools): readonly Variant[] {
  const closed = branches.map(({ written }) => settleTypes(written).map(close));
  for (const [first, { possible }] of branches.entries()) {
    for (const [second, others] of closed.entries()) {
      // What is written for one branch, which is closed, against all that the other allows.
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

/** Whether no object can have all that is required. */
function isEmptyObject(both: ObjectFacts, tools: Tools, depth: number): boolean {
  return [...both.required].some((key) => {
    const conjunction = conjunctionOf(both, key, tools.strings.finds);
    if (isNever(conjunction)) {
      return true;
    }
    // They can't be known yet where a reference leads back to this very schema.
    const parts = tools.tolerance.probe(() => conjunction.map((located) => tools.expand([located])));
    // Any two of them that exclude each other leave nothing.
    return (
      parts?.some((mine, index) =>
        parts.slice(index + 1).some((theirs) => areDisjoint(mine, theirs, tools, depth + 1)),
      ) ?? false
    );
  });
}
