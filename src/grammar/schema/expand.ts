import type { JsonSchema } from "../../generation/request.ts";
import { stepPath, UnsupportedSchemaError } from "../errors.ts";
import { type Budget, MAX_REF_CHAIN, MAX_VARIANTS } from "../limits.ts";
import { createAdmission, sameJson } from "./admit.ts";
import { rewriteConditions, UNEVALUATING } from "./conditions.ts";
import { makeExclusive } from "./exclusive.ts";
import { ANYTHING, both, type Expansion, exactly, isExact, isMergedApart, join, mark } from "./expansion.ts";
import { ANY_VALUE, readFacts, widenFacts } from "./facts.ts";
import { dropKeywords, type Reader, readKeywords } from "./keywords.ts";
import { createMerge, type Merge } from "./merge.ts";
import { createReferences } from "./references.ts";
import type { Strings } from "./strings.ts";
import type { Tolerance } from "./tolerance.ts";
import { type Conjunction, isUnsure, type Located, settleUnevaluated, type Variant } from "./variant.ts";

/** Resolves references and applicators. Drops what can't be resolved. */
export type Expander = {
  /** Returns the values that all schemas of the conjunction admit, as alternatives without applicators. An empty list means no value. */
  readonly expand: (conjunction: Conjunction) => readonly Variant[];
  /** Whether `value` is one of them. */
  readonly admits: (conjunction: Conjunction, value: unknown) => boolean;
  /** Whether any schema so far had to be distinguished from another, or must not match. */
  readonly isJudged: () => boolean;
};

/** The dependencies of an expander. */
export type ExpanderTools = {
  readonly strings: Strings;
  readonly budget: Budget;
  readonly tolerance: Tolerance;
};

/** Sluice's own keyword for a dropped `oneOf`: a value matches one of the schemas, and may match others, too. */
export const SOME_OF = "\0someOf";

const REFERENCES = ["$ref", "$dynamicRef", "$recursiveRef"] as const;

export function createExpander(root: Located, { strings, budget, tolerance }: ExpanderTools): Expander {
  const known = new Map<JsonSchema, Expansion>();
  let isJudged = false;
  const open = new Set<JsonSchema>();
  const references = createReferences(root);
  const written = createAdmission({ expand, strings });
  const possible = createAdmission({ expand: (conjunction) => expandAll(conjunction).possible, strings });
  const mergeWritten = createMerge({ admits: written.variantAdmits, matches: strings.finds, isNarrow: true });
  const mergePossible = createMerge({ admits: possible.variantAdmits, matches: strings.finds, isNarrow: false });

  function expand(conjunction: Conjunction): readonly Variant[] {
    return expandAll(conjunction).written;
  }

  function expandAll(conjunction: Conjunction): Expansion {
    return conjunction.reduce<Expansion>(
      (variants, located) => combine(variants, () => expandOne(located), located.path, "allOf"),
      ANYTHING,
    );
  }

  function expandOne(located: Located): Expansion {
    const { schema, path } = located;
    if (typeof schema === "boolean") {
      return schema ? ANYTHING : exactly([]);
    }
    const found = known.get(schema);
    if (found !== undefined) {
      return found;
    }
    if (open.has(schema)) {
      throw new UnsupportedSchemaError(path, "$ref", "it refers to itself without an object or array in between");
    }
    if (open.size > MAX_REF_CHAIN) {
      throw new UnsupportedSchemaError(
        path,
        "$ref",
        `references and applicators are chained more than ${MAX_REF_CHAIN} times`,
      );
    }
    open.add(schema);
    try {
      const variants = expandObject(schema, path);
      known.set(schema, variants);
      return variants;
    } finally {
      open.delete(schema);
    }
  }

  function expandObject(schema: Exclude<JsonSchema, boolean>, path: string): Expansion {
    budget.spend(10, path, "schema");
    tolerance.note(path, schema);
    dropKeywords(schema, path, tolerance);
    const reader = readKeywords(schema, path, tolerance);
    const canFollow = (pattern: string, path: string) => strings.search(pattern, path) !== undefined;
    const tools = { tolerance, matches: strings.finds, canFollow };
    const facts = readFacts(reader, readTypes(schema, reader), path, tools);
    let variants: Expansion = { written: facts, possible: widenFacts(facts) };
    const listed = readValues(schema, reader, path, tolerance);
    if (listed !== undefined) {
      variants = combine(variants, () => exactly([{ type: "values", values: listed, path }]), path, "enum");
    }
    for (const keyword of REFERENCES) {
      const reference = reader.string(keyword);
      if (reference !== undefined) {
        variants = combine(variants, () => expandOne(references.resolve(reference, path)), path, keyword);
      }
    }
    for (const part of reader.schemas("allOf") ?? []) {
      variants = combine(variants, () => expandOne(part), path, "allOf");
    }
    for (const part of reader.schema(UNEVALUATING) ?? []) {
      variants = combine(variants, () => mark(expandOne(part), "never"), path, UNEVALUATING);
    }
    const { resolve } = references;
    for (const condition of rewriteConditions(schema, path, { resolve, tolerance })) {
      const { keyword, isExact } = condition;
      isJudged = true;
      const expandCondition = (): Expansion => {
        const expansion = expandOne(condition.schema);
        return isExact ? expansion : { ...expansion, possible: ANY_VALUE };
      };
      variants = combine(variants, expandCondition, path, keyword);
    }
    const anyOf = reader.schemas("anyOf");
    if (anyOf !== undefined) {
      variants = combine(variants, () => join(anyOf.map(expandBranch)), path, "anyOf");
    }
    const someOf = reader.schemas(SOME_OF)?.map(({ schema }, index) => ({
      schema,
      path: stepPath(stepPath(path, "oneOf"), index),
    }));
    if (someOf !== undefined) {
      const expandSome = () => ({ ...mark(join(someOf.map(expandBranch)), "unsure"), possible: ANY_VALUE });
      variants = combine(variants, expandSome, path, "oneOf");
    }
    const oneOf = reader.schemas("oneOf");
    const settle = (list: readonly Variant[]) =>
      list.map((variant) => settleUnevaluated(boundUnevaluated(variant, path)));
    return both(oneOf === undefined ? variants : combineOne(variants, oneOf, path), settle);
  }

  /** Removes the rule for unevaluated parts when it is unknown which parts those are. */
  function boundUnevaluated(variant: Variant, path: string): Variant {
    if (
      (variant.type !== "object" && variant.type !== "array") ||
      variant.unevaluated === undefined ||
      !isUnsure(variant)
    ) {
      return variant;
    }
    const keyword = variant.type === "object" ? "unevaluatedProperties" : "unevaluatedItems";
    tolerance.drop(path, keyword, "what counts as evaluated depends on a oneOf that was dropped");
    return { ...variant, unevaluated: undefined };
  }

  /** A branch of several. One that names no type admits all types. */
  function expandBranch(branch: Located): Expansion {
    const variants = expandOne(branch);
    return variants.written.every(({ isUnnamed }) => isUnnamed)
      ? both(variants, (list) => list.map((variant) => ({ ...variant, isUnnamed: false })))
      : variants;
  }

  /** The values of exactly one branch, or of any branch when the branches can't be told apart. */
  function combineOne(base: Expansion, oneOf: readonly Located[], path: string): Expansion {
    const branches = tolerance.attempt(
      path,
      "oneOf",
      () => oneOf.map((branch) => combineOrThrow(base, expandBranch(branch), path, "oneOf")),
      undefined,
    );
    if (branches === undefined) {
      return base;
    }
    const all = join(branches);
    isJudged = true;
    const tools = {
      expand: (conjunction: Conjunction) => expandAll(conjunction).possible,
      merge: mergePossible,
      ...{ strings, tolerance, path, budget: budget.part() },
    };
    return tolerance.attempt(
      path,
      "oneOf",
      () => ({ written: makeExclusive(branches, tools), possible: all.possible }),
      { written: all.written, possible: base.possible },
    );
  }

  /** Combines each of `a` with each of the result of `make`. If that fails, drops the keyword and returns `a`. */
  function combine(a: Expansion, make: () => Expansion, path: string, keyword: string): Expansion {
    return tolerance.attempt(path, keyword, () => combineOrThrow(a, make(), path, keyword), a);
  }

  function combineOrThrow(a: Expansion, b: Expansion, path: string, keyword: string): Expansion {
    const made = combineLists(a.written, b.written, mergeWritten, path, keyword);
    const isSame = isExact(a) && isExact(b) && ![...a.written, ...b.written].some(isMergedApart);
    return {
      written: made,
      possible: isSame ? made : combineLists(a.possible, b.possible, mergePossible, path, keyword),
    };
  }

  function combineLists(
    a: readonly Variant[],
    b: readonly Variant[],
    merge: Merge,
    path: string,
    keyword: string,
  ): readonly Variant[] {
    budget.spend(a.length * b.length, path, keyword);
    if (a === ANY_VALUE || b === ANY_VALUE) {
      return a === ANY_VALUE ? b : a;
    }
    const merged = new Set<Variant>();
    for (const mine of new Set(a)) {
      for (const theirs of new Set(b)) {
        const common = merge(mine, theirs);
        if (common !== undefined) {
          budget.spend(costOf(common), path, keyword);
          merged.add(common);
        }
      }
      if (merged.size > MAX_VARIANTS) {
        throw new UnsupportedSchemaError(path, keyword, `it makes more than ${MAX_VARIANTS} combinations`);
      }
    }
    return [...merged];
  }

  return { expand, admits: written.admits, isJudged: () => isJudged };
}

/** The approximate cost of making the variant. */
function costOf(variant: Variant): number {
  switch (variant.type) {
    case "values":
      return variant.values.length;
    case "object":
      return variant.properties.size + variant.required.size;
    case "array":
      return variant.prefix.length + 1;
    default:
      return 1;
  }
}

function readTypes(schema: Exclude<JsonSchema, boolean>, reader: Reader): readonly string[] | undefined {
  if (!reader.has("type")) {
    return undefined;
  }
  const named = reader.isArray("type") ? undefined : reader.string("type");
  const types = reader.isArray("type") ? reader.strings("type") : named === undefined ? [] : [named];
  // `nullable` is from OpenAPI 3.0. A malformed `type` leaves no types.
  return types.length === 0 ? undefined : schema.nullable === true ? [...types, "null"] : types;
}

function readValues(
  schema: Exclude<JsonSchema, boolean>,
  reader: Reader,
  path: string,
  tolerance: Tolerance,
): readonly unknown[] | undefined {
  if (reader.has("enum") && !reader.isArray("enum")) {
    tolerance.drop(path, "enum", "it must be an array");
  }
  const listed = Array.isArray(schema.enum) ? schema.enum : undefined;
  if (!reader.has("const")) {
    return listed;
  }
  return listed === undefined ? [schema.const] : listed.filter((value) => sameJson(value, schema.const));
}
