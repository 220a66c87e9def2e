import type { JsonSchema } from "../../generation/request.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import { type Budget, MAX_REF_CHAIN, MAX_VARIANTS } from "../limits.ts";
import { createAdmission, sameJson } from "./admit.ts";
import { rewriteConditions } from "./conditions.ts";
import { makeExclusive } from "./exclusive.ts";
import { ANY_VALUE, readFacts } from "./facts.ts";
import { dropKeywords, type Reader, readKeywords } from "./keywords.ts";
import { mergeVariants } from "./merge.ts";
import { createReferences } from "./references.ts";
import type { Strings } from "./strings.ts";
import type { Tolerance } from "./tolerance.ts";
import type { Conjunction, Located, Variant } from "./variant.ts";

/** Works out references and applicators. What can't be is dropped. */
export type Expander = {
  /** The values that all schemas of the conjunction admit, as alternatives without applicators. None: no value. */
  readonly expand: (conjunction: Conjunction) => readonly Variant[];
  /** Whether `value` is one of them. */
  readonly admits: (conjunction: Conjunction, value: unknown) => boolean;
};

/** What an expander works with. */
export type ExpanderTools = {
  readonly strings: Strings;
  readonly budget: Budget;
  readonly tolerance: Tolerance;
};

const REFERENCES = ["$ref", "$dynamicRef", "$recursiveRef"] as const;

export function createExpander(root: Located, { strings, budget, tolerance }: ExpanderTools): Expander {
  const known = new Map<JsonSchema, readonly Variant[]>();
  const open = new Set<JsonSchema>();
  const references = createReferences(root);
  const admission = createAdmission({ expand, strings });
  const admits = (variant: Variant, value: unknown) => admission.variantAdmits(variant, value);
  const merging = { admits, matches: strings.finds };
  const merge = (a: Variant, b: Variant) => mergeVariants(a, b, merging);

  function expand(conjunction: Conjunction): readonly Variant[] {
    return conjunction.reduce<readonly Variant[]>(
      (variants, located) => combine(variants, () => expandOne(located), located.path, "allOf"),
      ANY_VALUE,
    );
  }

  function expandOne(located: Located): readonly Variant[] {
    const { schema, path } = located;
    if (typeof schema === "boolean") {
      return schema ? ANY_VALUE : [];
    }
    const found = known.get(schema);
    if (found !== undefined) {
      return found;
    }
    if (open.has(schema)) {
      throw new UnsupportedSchemaError(path, "$ref", "it leads back to itself without an object or array in between");
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

  function expandObject(schema: Exclude<JsonSchema, boolean>, path: string): readonly Variant[] {
    budget.spend(10, path, "schema");
    tolerance.note(path, schema);
    dropKeywords(schema, path, tolerance);
    const reader = readKeywords(schema, path, tolerance);
    const canFollow = (pattern: string, path: string) => strings.search(pattern, path) !== undefined;
    const tools = { tolerance, matches: strings.finds, canFollow };
    let variants: readonly Variant[] = readFacts(reader, readTypes(schema, reader), path, tools);
    const listed = readValues(schema, reader, path, tolerance);
    if (listed !== undefined) {
      variants = combine(variants, () => [{ type: "values", values: listed, path }], path, "enum");
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
    const { resolve } = references;
    for (const condition of rewriteConditions(schema, path, { resolve, tolerance })) {
      variants = combine(variants, () => expandOne(condition.schema), path, condition.keyword);
    }
    const anyOf = reader.schemas("anyOf");
    if (anyOf !== undefined) {
      variants = combine(variants, () => anyOf.flatMap(expandBranch), path, "anyOf");
    }
    const oneOf = reader.schemas("oneOf");
    return oneOf === undefined ? variants : combineOne(variants, oneOf, path);
  }

  /** One of several, meant as it is: where it says nothing of any type, it means all of them. */
  function expandBranch(branch: Located): readonly Variant[] {
    const variants = expandOne(branch);
    return variants.every(({ isUnnamed }) => isUnnamed)
      ? variants.map((variant) => ({ ...variant, isUnnamed: false }))
      : variants;
  }

  /** Values of exactly one branch; of any, where it can't be told that no value is in two. */
  function combineOne(base: readonly Variant[], oneOf: readonly Located[], path: string): readonly Variant[] {
    const branches = tolerance.attempt(
      path,
      "oneOf",
      () => oneOf.map((branch) => combineOrThrow(base, expandBranch(branch), path, "oneOf")),
      undefined,
    );
    if (branches === undefined) {
      return base;
    }
    const tools = { expand, merge, strings, tolerance, path, budget: budget.part() };
    return tolerance.attempt(path, "oneOf", () => makeExclusive(branches, tools), branches.flat());
  }

  /** Each of `a` with each of what `make` gives; `a` alone, and the keyword dropped, where that can't be had. */
  function combine(
    a: readonly Variant[],
    make: () => readonly Variant[],
    path: string,
    keyword: string,
  ): readonly Variant[] {
    return tolerance.attempt(path, keyword, () => combineOrThrow(a, make(), path, keyword), a);
  }

  function combineOrThrow(
    a: readonly Variant[],
    b: readonly Variant[],
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
        const both = merge(mine, theirs);
        if (both !== undefined) {
          budget.spend(costOf(both), path, keyword);
          merged.add(both);
        }
      }
      if (merged.size > MAX_VARIANTS) {
        throw new UnsupportedSchemaError(path, keyword, `it makes more than ${MAX_VARIANTS} combinations`);
      }
    }
    return [...merged];
  }

  return { expand, admits: (conjunction, value) => admission.admits(conjunction, value) };
}

/** What it took to make it, about. */
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
  // OpenAPI 3.0's way to say it. None at all is what a malformed one leaves.
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
