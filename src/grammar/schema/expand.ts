import type { JsonSchema } from "../../generation/request.ts";
import { UnsupportedSchemaError } from "../errors.ts";
import { type Budget, MAX_REF_CHAIN, MAX_VARIANTS } from "../limits.ts";
import { createAdmission, sameJson } from "./admit.ts";
import { makeExclusive } from "./exclusive.ts";
import { ANY_VALUE, readFacts } from "./facts.ts";
import { type Reader, readKeywords, refuseKeywords } from "./keywords.ts";
import { mergeVariants } from "./merge.ts";
import { resolveReference } from "./references.ts";
import type { Strings } from "./strings.ts";
import type { Conjunction, Located, Variant } from "./variant.ts";

/** Works out references and applicators. */
export type Expander = {
  /** The values that all schemas of the conjunction admit, as alternatives without applicators. None: no value. */
  readonly expand: (conjunction: Conjunction) => readonly Variant[];
  /** Whether `value` is one of them. */
  readonly admits: (conjunction: Conjunction, value: unknown) => boolean;
};

export function createExpander(root: Located, strings: Strings, budget: Budget): Expander {
  const known = new Map<JsonSchema, readonly Variant[]>();
  const open: JsonSchema[] = [];
  const admission = createAdmission({ expand, strings });
  const admits = (variant: Variant, value: unknown) => admission.variantAdmits(variant, value);

  function expand(conjunction: Conjunction): readonly Variant[] {
    return conjunction.reduce<readonly Variant[]>(
      (variants, located) => combine(variants, expandOne(located), located.path, "allOf"),
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
    if (open.includes(schema)) {
      throw new UnsupportedSchemaError(path, "$ref", "it leads back to itself without an object or array in between");
    }
    if (open.length > MAX_REF_CHAIN) {
      throw new UnsupportedSchemaError(
        path,
        "$ref",
        `references and applicators are chained more than ${MAX_REF_CHAIN} times`,
      );
    }
    open.push(schema);
    try {
      const variants = expandObject(schema, path);
      known.set(schema, variants);
      return variants;
    } finally {
      open.pop();
    }
  }

  function expandObject(schema: Exclude<JsonSchema, boolean>, path: string): readonly Variant[] {
    refuseKeywords(schema, path);
    if (schema !== root.schema && typeof schema.$id === "string" && JSON.stringify(schema).includes('"$ref"')) {
      throw new UnsupportedSchemaError(
        path,
        "$id",
        "references inside of a schema with an $id of its own can't be followed",
      );
    }
    const reader = readKeywords(schema, path);
    let variants: readonly Variant[] = readFacts(reader, readTypes(schema, reader), path);
    const listed = readValues(schema, reader, path);
    if (listed !== undefined) {
      variants = combine(variants, [{ type: "values", values: listed, path }], path, "enum");
    }
    const reference = reader.string("$ref");
    if (reference !== undefined) {
      variants = combine(variants, expandOne(resolveReference(root, reference, path)), path, "$ref");
    }
    for (const part of reader.schemas("allOf") ?? []) {
      variants = combine(variants, expandOne(part), path, "allOf");
    }
    const anyOf = reader.schemas("anyOf");
    if (anyOf !== undefined) {
      variants = combine(variants, anyOf.flatMap(expandOne), path, "anyOf");
    }
    const oneOf = reader.schemas("oneOf");
    if (oneOf !== undefined) {
      const base = variants;
      const branches = oneOf.map((branch) => combine(base, expandOne(branch), path, "oneOf"));
      variants = makeExclusive(branches, {
        expand,
        merge: (a, b) => mergeVariants(a, b, admits),
        strings,
        budget,
        path,
      });
    }
    return variants;
  }

  /** Each of `a` with each of `b`. */
  function combine(a: readonly Variant[], b: readonly Variant[], path: string, keyword: string): readonly Variant[] {
    budget.spend(a.length * b.length, path, keyword);
    if (a === ANY_VALUE || b === ANY_VALUE) {
      return a === ANY_VALUE ? b : a;
    }
    const merged = new Set(
      [...new Set(a)].flatMap((mine) => [...new Set(b)].flatMap((theirs) => mergeVariants(mine, theirs, admits) ?? [])),
    );
    if (merged.size > MAX_VARIANTS) {
      throw new UnsupportedSchemaError(path, keyword, `it makes more than ${MAX_VARIANTS} combinations`);
    }
    return [...merged];
  }

  return { expand, admits: (conjunction, value) => admission.admits(conjunction, value) };
}

function readTypes(schema: Exclude<JsonSchema, boolean>, reader: Reader): readonly string[] | undefined {
  if (!reader.has("type")) {
    return undefined;
  }
  const types = reader.isArray("type") ? reader.strings("type") : [reader.string("type") ?? ""];
  // OpenAPI 3.0's way to say it.
  return schema.nullable === true ? [...types, "null"] : types;
}

function readValues(
  schema: Exclude<JsonSchema, boolean>,
  reader: Reader,
  path: string,
): readonly unknown[] | undefined {
  if (reader.has("enum") && !reader.isArray("enum")) {
    throw new UnsupportedSchemaError(path, "enum", "it must be an array");
  }
  const listed = Array.isArray(schema.enum) ? schema.enum : undefined;
  if (!reader.has("const")) {
    return listed;
  }
  return listed === undefined ? [schema.const] : listed.filter((value) => sameJson(value, schema.const));
}
