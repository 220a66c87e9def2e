import { z } from "zod";
import { type Config, configSchema } from "./schema.ts";

/** The part of JSON Schema that zod writes for a setting's value. */
export type ValueSchema = {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly ValueSchema[];
  readonly items?: ValueSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  /** JSON Schema's word for what is taken and never shown. */
  readonly writeOnly?: boolean;
  /** Ours: what stands for the value in the help, where its type doesn't tell. */
  readonly placeholder?: string;
  /** Ours: the file has it as a section, which holds a group of keys for each name. */
  readonly isSection?: boolean;
  /** Ours: the file has a group of keys for each entry, by its name. */
  readonly isGroups?: boolean;
  /** Ours: another spelling of the flag, for lists whose key is a plural. */
  readonly singular?: string;
  /** Of a group of keys. */
  readonly properties?: Readonly<Record<string, ValueSchema>>;
};

/** The public description of one setting, derived from its line in the schema. */
export type Setting = {
  /** As in `Config`: `maxPending`. */
  readonly key: keyof Config;
  /** As in the file; another than `key` where it is a former name. */
  readonly name: string;
  /** `--max-pending` */
  readonly flag: string;
  /** `SLUICE_MAX_PENDING` */
  readonly variable: string;
  readonly description: string;
  readonly defaultValue: unknown;
  /** The values that are allowed, in words: `a whole number from 0 to 65535`. */
  readonly allowed: string;
  /** A list takes several values: a flag that may be repeated, a variable with commas, a list in the file. */
  readonly isList: boolean;
  readonly isBoolean: boolean;
  /** Its value is a secret, so it is never printed. */
  readonly isSecret: boolean;
  readonly valueSchema: ValueSchema;
};

/** Where a setting's value came from. */
export type Origin =
  | { readonly source: "flag"; readonly name: string }
  | { readonly source: "environment"; readonly name: string }
  | { readonly source: "file"; readonly path: string; readonly line: number }
  | { readonly source: "default" };

/** A value that somebody wrote, and where. */
export type Written = { readonly setting: Setting; readonly value: unknown; readonly origin: Origin };

/** Every setting, in the schema's order. */
export const settings: readonly Setting[] = describeSettings(configSchema);

/** Reads the settings out of a schema whose every field has a default and a description. */
export function describeSettings(schema: z.ZodObject): readonly Setting[] {
  const { properties } = z.toJSONSchema(schema, { io: "input" }) as { properties: Record<string, ValueSchema> };
  return Object.entries(properties).map(([key, valueSchema]) => {
    const { description = "", ...rules } = valueSchema;
    return {
      key: key as keyof Config,
      ...nameSetting(key),
      description,
      // JSON Schema leaves it out where an entry may be written in several ways.
      defaultValue: valueSchema.default ?? schema.shape[key]?.safeParse(undefined).data,
      allowed: describeAllowed(rules),
      isList: valueSchema.type === "array",
      isBoolean: valueSchema.type === "boolean",
      isSecret: valueSchema.writeOnly === true,
      valueSchema,
    };
  });
}

/** A setting's names in the file, among the flags and in the environment. */
export function nameSetting(name: string): Pick<Setting, "name" | "flag" | "variable"> {
  const words = name.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
  return { name, flag: `--${words}`, variable: `SLUICE_${words.replaceAll("-", "_").toUpperCase()}` };
}

/** Where a value came from, in words: `SLUICE_PORT`, `sluice.yaml:3`, `default`. */
export function describeOrigin(origin: Origin): string {
  switch (origin.source) {
    case "flag":
    case "environment":
      return origin.name;
    case "file":
      return `${origin.path}:${origin.line}`;
    case "default":
      return "default";
  }
}

/** What somebody wrote and where, in words: `SLUICE_PORT`, `sluice.yaml:3: port`. */
export function whereOf({ setting, origin }: Pick<Written, "setting" | "origin">): string {
  return origin.source === "file" ? `${describeOrigin(origin)}: ${setting.name}` : describeOrigin(origin);
}

/** The schema of a list's entries. */
export function entrySchema(list: ValueSchema): ValueSchema {
  return list.items ?? {};
}

/** A choice's possibilities; a schema that is no choice is its own only one. */
export function alternatives(schema: ValueSchema): readonly ValueSchema[] {
  return schema.anyOf ?? [schema];
}

/** Describes the allowed values in words, without a full stop. An inner schema's own description goes before what could be derived. */
export function describeAllowed(schema: ValueSchema): string {
  if (schema.description !== undefined) return schema.description;
  const choices = alternatives(schema);
  if (choices.length > 1) return joinWords(choices.map(describeAllowed));
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum !== undefined) return `one of ${joinWords(schema.enum.map(String))}`;
  switch (schema.type) {
    case "integer":
      return `a whole number${describeRange(schema.minimum, schema.maximum)}`;
    case "number":
      return `a number${describeRange(schema.minimum, schema.maximum)}`;
    case "boolean":
      return "true or false";
    case "array":
      return `a list${describeCount(schema.minItems, schema.maxItems, "entries")}, each ${describeAllowed(entrySchema(schema))}`;
    default:
      return `text${describeCount(schema.minLength, schema.maxLength, "characters")}`;
  }
}

function describeRange(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum === undefined) return maximum === undefined ? "" : ` up to ${maximum}`;
  return maximum === undefined ? ` from ${minimum}` : ` from ${minimum} to ${maximum}`;
}

function describeCount(minimum: number | undefined, maximum: number | undefined, unit: string): string {
  if (minimum === 1 && maximum === undefined) return " that is not empty";
  if (maximum !== undefined) return minimum ? ` of ${minimum} to ${maximum} ${unit}` : ` of up to ${maximum} ${unit}`;
  return minimum ? ` of at least ${minimum} ${unit}` : "";
}

function joinWords(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
