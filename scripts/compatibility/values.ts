/** The part of JSON Schema that zod writes for a field. */
export type FieldSchema = {
  /** An array if the value may also be `null`. */
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly FieldSchema[];
  readonly oneOf?: readonly FieldSchema[];
  readonly items?: FieldSchema;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
};

/** The alternatives of a schema, flattened and without `null`. */
export function alternativesOf(schema: FieldSchema): readonly FieldSchema[] {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return choices.flatMap(alternativesOf);
  const types = [schema.type].flat().filter((type) => type !== "null");
  return types.map((type) => (type === undefined ? schema : { ...schema, type }));
}

/** A schema without some values of its enumerations. */
export function withoutValues(schema: FieldSchema, values: readonly unknown[]): FieldSchema {
  return {
    ...schema,
    ...(schema.enum && { enum: schema.enum.filter((value) => !values.includes(value)) }),
    ...(schema.items && { items: withoutValues(schema.items, values) }),
    ...(schema.anyOf && { anyOf: schema.anyOf.map((choice) => withoutValues(choice, values)) }),
  };
}

/** A short description of a field's values: `integer 1 to 128`, `text or array of 4 texts at most`. */
export function describeValues(schema: FieldSchema): string {
  return [...new Set(alternativesOf(schema).map(describeOne))].join(" or ");
}

function describeOne(schema: FieldSchema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(", ");
  switch (schema.type) {
    case "integer":
    case "number":
      return `${schema.type}${describeRange(schema)}`;
    case "string":
      return schema.maxLength === undefined ? "text" : `text of ${schema.maxLength} characters at most`;
    case "array":
      return `array${schema.maxItems === undefined ? "" : ` of ${schema.maxItems} at most`}: ${describeValues(schema.items ?? {})}`;
    default:
      return [schema.type ?? "anything"].flat().join(" or ");
  }
}

function describeRange({ minimum, exclusiveMinimum, maximum }: FieldSchema): string {
  const low = exclusiveMinimum === undefined ? bounded(minimum) : `above ${exclusiveMinimum}`;
  const high = bounded(maximum);
  if (low === undefined) return high === undefined ? "" : `, ${high} at most`;
  return high === undefined ? ` from ${low}` : ` ${low} to ${high}`;
}

/** Undefined for a limit that is only the range of a 53-bit or 64-bit number. */
function bounded(bound: number | undefined): string | undefined {
  return bound === undefined || Math.abs(bound) >= Number.MAX_SAFE_INTEGER ? undefined : String(bound);
}
