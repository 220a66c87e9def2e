import { isJsonObject } from "../json/exact-number.ts";

/** Keywords whose value is data, not a schema: what it says is written as it stands. */
const DATA: readonly string[] = ["const", "enum", "default", "examples"];

/** Keywords with schemas under names, in an order that the answer keeps to. */
const ORDERED = "properties";

/**
 * A JSON schema that an answer is held to, with its keywords in one order. The model doesn't see it, and the grammar that is made of it
 * doesn't depend on the order of keywords. It does depend on the order of properties and of data, so those stay.
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
