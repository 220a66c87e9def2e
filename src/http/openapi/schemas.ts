import { z } from "zod";
import type { NamedSchema } from "./operation.ts";

/** A schema in the document: JSON Schema 2020-12, which OpenAPI 3.1 takes as it is. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Where a named schema is found in the document. */
export function referTo(name: string): string {
  return `#/components/schemas/${name}`;
}

/**
 * The JSON Schemas of what clients send (`input`) or get (`output`), by their names. One that is part of another is referred to.
 * Throws when one name stands for two schemas.
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

/** Takes away what only says what JSON's numbers can hold, and what would forbid clients to accept fields of a later version. */
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
