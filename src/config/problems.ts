import { alternatives, describeAllowed, entrySchema, type Setting, type ValueSchema } from "./settings.ts";
import { didYouMean } from "./suggest.ts";

/** Longer values are cut in messages. */
const MAX_SHOWN_CHARACTERS = 200;

/** Settings that can't be used. Its message lists every problem, one a line; each says where it was written and what is allowed. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const heading = problems.length === 1 ? "A setting is wrong" : `${problems.length} settings are wrong`;
    super(`${heading}:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

type Issue = {
  readonly path: readonly PropertyKey[];
  readonly code?: string;
  /** The unknown keys of a group. */
  readonly keys?: readonly string[];
  readonly params?: Readonly<Record<string, unknown>> | undefined;
};

/** What is wrong with a setting's value, for each issue that the schema found. `where` is how the user wrote the setting. */
export function describeIssues(
  where: string,
  setting: Setting,
  value: unknown,
  issues: readonly Issue[],
): readonly string[] {
  const problems = issues.flatMap((issue) => {
    const [index] = issue.path;
    // Only an entry's own fault is told of the entry; too many of them is the list's.
    if (!Array.isArray(value) || typeof index !== "number") {
      const shown = setting.isSecret ? "the value" : showValue(value);
      return `${where}: ${shown} is not allowed. Give ${setting.allowed}.`;
    }
    const entry: unknown = value[index];
    const schema = entrySchema(setting.valueSchema);
    if (isGroup(entry)) return describeGroup(`${where}, ${nameOf(entry, index)}`, schema, entry, issue);
    const allowed = describeAllowed(schema);
    const { reason = issue.params?.cause } = issue.params ?? {};
    const why = reason === undefined ? "" : ` (${reason})`;
    return `${where}, entry ${index + 1}: ${showUnless(schema.writeOnly, entry)} is not allowed${why}. Give ${allowed}.`;
  });
  return [...new Set(problems)];
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nameOf({ name }: Readonly<Record<string, unknown>>, index: number): string {
  // A URL in the place of a name may hold a password.
  return typeof name === "string" && name !== "" && !/:|@/.test(name) ? showValue(name) : `entry ${index + 1}`;
}

/** What is wrong inside of an entry that is a group of keys, by the path to the key. */
function describeGroup(
  where: string,
  schema: ValueSchema,
  entry: Readonly<Record<string, unknown>>,
  { path, code, keys = [], params }: Issue,
): readonly string[] {
  const inner = writtenPart(entry, path.slice(1));
  const place = inner.length === 0 ? where : `${where}: ${inner.map(showStep).join("").slice(1)}`;
  const found = inner.reduce<unknown>(partOf, entry);
  const at = inner.reduce(schemaAt, schema);
  if (code === "unrecognized_keys") {
    const known = Object.keys(at.properties ?? {}).filter((key) => key !== "name" || inner.length > 0);
    return keys.map((key) => `${place}: there is no key '${key}'.${didYouMean(key, known)} Keys: ${known.join(", ")}.`);
  }
  if (typeof params?.reason === "string") return [`${place}: ${params.reason}`];
  if (found === undefined) return [`${place} is missing. Give ${describeAllowed(at)}.`];
  const why = typeof params?.cause === "string" ? ` (${params.cause})` : "";
  return [`${place}: ${showUnless(at.writeOnly, found)} is not allowed${why}. Give ${describeAllowed(at)}.`];
}

/** Up to the value that somebody wrote in the place of a group: a short form has no inner parts. */
function writtenPart(entry: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] {
  let value = entry;
  for (const [index, step] of path.entries()) {
    value = partOf(value, step);
    if (typeof value !== "object" || value === null) return path.slice(0, index + 1);
  }
  return path;
}

/** A list that stands for the group has its schema's key under \`value\`. */
function partOf(value: unknown, step: PropertyKey): unknown {
  const group = Object(value);
  return group[step] ?? group.value;
}

/** `.key`, or `[2]` for the second. */
function showStep(step: PropertyKey): string {
  return typeof step === "number" ? `[${step + 1}]` : `.${String(step)}`;
}

function schemaAt(schema: ValueSchema, step: PropertyKey): ValueSchema {
  for (const choice of alternatives(schema)) {
    const inner = typeof step === "number" ? choice.items : choice.properties?.[String(step)];
    if (inner !== undefined) return inner;
  }
  return {};
}

/** What may hold a secret is not shown. */
function showUnless(isSecret: boolean | undefined, value: unknown): string {
  return isSecret === true ? "the value" : showValue(value);
}

/** A value as text for a message: quoted where it is text, bounded, with no control characters. */
function showValue(value: unknown): string {
  if (value === null || value === undefined) return "an empty value";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object") return "a group of keys";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text;
}
