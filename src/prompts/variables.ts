import { z } from "zod";

const MAX_TEXT_LENGTH = 1_000_000;
const MAX_VALUES = 1_000;
const MAX_VALUE_LENGTH = 1_000;
const MAX_SHOWN = 20;

const description = z.string().max(1_000).optional();
const text = z.string().max(MAX_TEXT_LENGTH);
const number = z.number();
const integer = z.int();

/** The declaration of a variable. A variable without a default is required. */
export const variableSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("string"), description, default: text.optional() }),
  z.strictObject({
    type: z.literal("number"),
    description,
    minimum: number.optional(),
    maximum: number.optional(),
    default: number.optional(),
  }),
  z.strictObject({
    type: z.literal("integer"),
    description,
    minimum: integer.optional(),
    maximum: integer.optional(),
    default: integer.optional(),
  }),
  z.strictObject({ type: z.literal("boolean"), description, default: z.boolean().optional() }),
  z.strictObject({
    type: z.literal("enum"),
    description,
    values: z.array(z.string().max(MAX_VALUE_LENGTH)).min(1).max(MAX_VALUES),
    default: z.string().optional(),
  }),
]);

type Variable = Readonly<z.infer<typeof variableSchema>>;
export type Variables = Readonly<Record<string, Variable>>;

/** A problem with the values of a preset's variables. */
type VariableFault = {
  /** The first variable with the problem. */
  readonly name: string;
  readonly code: "unknown_variable" | "missing_variable" | "invalid_variable";
  readonly message: string;
};

export type Resolved =
  | { readonly values: ReadonlyMap<string, string> }
  | {
      readonly fault: VariableFault;
    };

/**
 * Converts the `given` values and the defaults to text. Numbers and booleans may be given as text, as on command lines and in OpenAI's
 * `prompt.variables`.
 */
export function resolveVariables(variables: Variables, given: Readonly<Record<string, unknown>>): Resolved {
  const names = Object.keys(variables);
  const unknown = Object.keys(given).filter((name) => !names.includes(name));
  const values = new Map<string, string>();
  const missing: string[] = [];
  for (const [name, variable] of Object.entries(variables)) {
    const value = Object.hasOwn(given, name) ? given[name] : variable.default;
    if (value === undefined || value === null) {
      missing.push(name);
      continue;
    }
    const text = toText(value, variable);
    if (text === undefined) {
      return {
        fault: { name, code: "invalid_variable", message: `The variable '${name}' must be ${describeKind(variable)}.` },
      };
    }
    values.set(name, text);
  }
  const [first] = [...unknown, ...missing];
  if (first === undefined) return { values };
  const sentences = [
    ...(unknown.length > 0 ? [`Unknown variables: ${quoteAll(unknown)}.`] : []),
    ...(missing.length > 0 ? [`Missing variables: ${quoteAll(missing)}.`] : []),
    names.length === 0 ? "The preset has no variables." : `The preset's variables: ${describeVariables(variables)}.`,
  ];
  return {
    fault: {
      name: first,
      code: unknown.length > 0 ? "unknown_variable" : "missing_variable",
      message: sentences.join(" "),
    },
  };
}

/** Lists variables: `language (text, default "French"), tone (one of "dry", "warm")`. */
function describeVariables(variables: Variables): string {
  return Object.entries(variables)
    .map(([name, variable]) => {
      const fallback =
        variable.default === undefined
          ? ""
          : `, default ${JSON.stringify(typeof variable.default === "string" ? variable.default.slice(0, 64) : variable.default)}`;
      return `${name} (${describeKind(variable)}${fallback})`;
    })
    .join(", ");
}

/** Converts a value to text; undefined if it doesn't fit the variable. */
function toText(value: unknown, variable: Variable): string | undefined {
  switch (variable.type) {
    case "string":
      return typeof value === "string" && value.length <= MAX_TEXT_LENGTH ? value : undefined;
    case "enum":
      return typeof value === "string" && variable.values.includes(value) ? value : undefined;
    case "boolean":
      return ["true", "false"].find((word) => word === String(value));
    case "number":
    case "integer": {
      const number = toNumber(value);
      if (number === undefined || (variable.type === "integer" && !Number.isSafeInteger(number))) return undefined;
      const { minimum = -Infinity, maximum = Infinity } = variable;
      return number >= minimum && number <= maximum ? String(number) : undefined;
    }
  }
}

function toNumber(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  const isSpelled = typeof value === "string" && /^[+-]?\d{1,300}(\.\d{1,300})?(e[+-]?\d{1,3})?$/i.test(value.trim());
  const number = isSpelled ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

function describeKind(variable: Variable): string {
  switch (variable.type) {
    case "string":
      return "text";
    case "boolean":
      return "true or false";
    case "enum":
      return `one of ${shorten(variable.values.map((value) => JSON.stringify(value.slice(0, 64))))}`;
    case "number":
    case "integer": {
      const { minimum, maximum } = variable;
      const bounds = [
        ...(minimum === undefined ? [] : [`at least ${minimum}`]),
        ...(maximum === undefined ? [] : [`at most ${maximum}`]),
      ];
      return [variable.type === "integer" ? "a whole number" : "a number", ...bounds].join(", ");
    }
  }
}

/** Shortens a list of names or values for a message. */
function shorten(words: readonly string[]): string {
  const shown = words.slice(0, MAX_SHOWN).join(", ");
  return words.length > MAX_SHOWN ? `${shown}, and ${words.length - MAX_SHOWN} more` : shown;
}

function quoteAll(names: readonly string[]): string {
  return shorten(names.map((name) => `'${name.slice(0, 64)}'`));
}
