import { isJsonObject } from "../json/exact-number.ts";

/** Keywords whose value is data and not a schema. It is kept as it is. */
const DATA: readonly string[] = ["const", "enum", "default", "examples"];

/** The keyword whose order counts: an answer has its properties in this order. */
const ORDERED = "properties";

/**
 * Returns an output's JSON schema with sorted keywords. The model doesn't see the schema, and its grammar doesn't depend on their order. The grammar
 * does depend on the order of properties and of data, so that is kept.
 */
export function canonicalSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(canonicalSchema);
  if (!isJsonObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([keyword, value]) => [keyword, canonicalValue(keyword, value)]),
  );
}

function canonicalValue(keyword: string, value: unknown): unknown {
  if (DATA.includes(keyword)) return value;
  if (keyword !== ORDERED || !isJsonObject(value)) return canonicalSchema(value);
  return Object.entries(value).map(([name, property]) => [name, canonicalSchema(property)]);
}
