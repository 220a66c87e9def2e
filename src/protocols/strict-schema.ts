import type { JsonSchema } from "../generation/request.ts";
import { isJsonObject } from "../json/exact-number.ts";

/** Keywords that hold one schema, a list of them, or a map. */
const SINGLE = ["items", "additionalProperties", "not"] as const;
const LISTS = ["anyOf", "oneOf", "allOf", "prefixItems"] as const;
const MAPS = ["properties", "$defs", "definitions"] as const;

type Context = readonly string[];
type SchemaObject = Exclude<JsonSchema, boolean>;

/**
 * What OpenAI's strict mode finds wrong with `schema`, in its words; undefined where nothing is. It wants an object at the root, and of
 * every object that all properties are required and no others are allowed.
 */
export function findStrictFault(schema: JsonSchema): string | undefined {
  if (typeof schema === "boolean" || schema.type !== "object") {
    const type = typeof schema === "boolean" ? undefined : schema.type;
    return `schema must be a JSON Schema of 'type: "object"', got 'type: ${JSON.stringify(type ?? "None")}'.`;
  }
  const pending: { readonly schema: SchemaObject; readonly context: Context }[] = [{ schema, context: [] }];
  for (const { schema, context } of pending) {
    const fault = findObjectFault(schema);
    if (fault !== undefined) {
      return `In context=${formatContext(context)}, ${fault}`;
    }
    pending.push(...childrenOf(schema, context));
  }
  return undefined;
}

function findObjectFault(schema: SchemaObject): string | undefined {
  const isObject = schema.type === "object" || (Array.isArray(schema.type) && schema.type.includes("object"));
  if (!isObject && schema.properties === undefined) {
    return undefined;
  }
  if (schema.additionalProperties !== false) {
    return "'additionalProperties' is required to be supplied and to be false.";
  }
  const keys = Object.keys(Object(schema.properties ?? {}));
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const wanted = "'required' is required to be supplied and to be an array including every key in properties.";
  const missing = keys.find((key) => !required.includes(key));
  if (missing !== undefined) {
    return `${wanted} Missing '${missing}'.`;
  }
  const extra = required.find((key) => !keys.includes(String(key)));
  return extra === undefined ? undefined : `${wanted} Extra required key '${String(extra)}' supplied.`;
}

function childrenOf(schema: SchemaObject, context: Context): { schema: SchemaObject; context: Context }[] {
  const found: [unknown, Context][] = [
    ...SINGLE.map((keyword): [unknown, Context] => [schema[keyword], [...context, keyword]]),
    ...LISTS.flatMap((keyword) => {
      const list: unknown = schema[keyword];
      return Array.isArray(list)
        ? list.map((item, index): [unknown, Context] => [item, [...context, keyword, String(index)]])
        : [];
    }),
    ...MAPS.flatMap((keyword) =>
      Object.entries(Object(schema[keyword] ?? {})).map(([key, item]): [unknown, Context] => [
        item,
        [...context, keyword, key],
      ]),
    ),
  ];
  return found.flatMap(([child, at]) => (isJsonObject(child) ? [{ schema: child, context: at }] : []));
}

/** As a tuple of Python: `()`, `('properties', 'a')`. */
function formatContext(context: Context): string {
  const items = context.map((step) => `'${step}'`).join(", ");
  return context.length === 1 ? `(${items},)` : `(${items})`;
}
