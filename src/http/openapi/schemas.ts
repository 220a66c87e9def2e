import { z } from "zod";
import type { NamedSchema } from "./operation.ts";

/** A schema in the document: JSON Schema 2020-12, as in OpenAPI 3.1. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The reference to a named schema in the document. */
export function referTo(name: string): string {
  return `#/components/schemas/${name}`;
}

/**
 * The JSON Schemas of requests (`input`) or answers (`output`), by name. A schema inside another becomes a reference. Throws if two
 * schemas have the same name.
 */
export function describeSchemas(
  named: readonly NamedSchema[],
  io: "input" | "output",
): Readonly<Record<string, JsonSchema>> {
  const registry = z.registry<{ id: string }>();
  for (const { name, schema } of unique(named)) registry.add(schema, { id: name });
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: referTo,
    override: ({ jsonSchema }) => simplify(jsonSchema),
  });
  return Object.fromEntries(Object.entries(schemas).map(([name, { $schema, $id, ...schema }]) => [name, schema]));
}

/** A schema without a name. */
export function describeSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema, ...described } = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema }) => simplify(jsonSchema),
  });
  return described;
}

/** Removes limits that only state the range of numbers, and rules that would forbid fields of later versions. */
function simplify(schema: { maximum?: unknown; minimum?: unknown; additionalProperties?: unknown }): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.additionalProperties === false) delete schema.additionalProperties;
}

function unique(named: readonly NamedSchema[]): readonly NamedSchema[] {
  const byName = new Map<string, NamedSchema>();
  for (const entry of named) {
    const before = byName.get(entry.name);
    if (before !== undefined && before.schema !== entry.schema) {
      throw new Error(`Two schemas have the name ${entry.name}. Give each a name of its own.`);
    }
    byName.set(entry.name, entry);
  }
  return [...byName.values()];
}
