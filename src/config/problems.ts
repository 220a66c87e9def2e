import { describeAllowed, entrySchema, type Setting, type ValueSchema } from "./settings.ts";

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

/** What is wrong with a setting's value, for each issue that the schema found. `where` is how the user wrote the setting. */
export function describeIssues(
  where: string,
  setting: Setting,
  value: unknown,
  issues: readonly {
    readonly path: readonly PropertyKey[];
    readonly params?: Readonly<Record<string, unknown>> | undefined;
    /** Keys that a group of keys does not have. */
    readonly keys?: readonly string[];
  }[],
): readonly string[] {
  const problems = issues.map((issue) => {
    const [index] = issue.path;
    // Only an entry's own fault is told of the entry; too many of them is the list's.
    if (!Array.isArray(value) || typeof index !== "number") {
      const shown = setting.isSecret ? "the value" : showValue(value);
      return `${where}: ${shown} is not allowed. Give ${setting.allowed}.`;
    }
    if (setting.valueSchema.isGroups === true && typeof value[index] !== "string") {
      return describeGroupIssue(`${where}, entry ${index + 1}`, entrySchema(setting.valueSchema), value[index], issue);
    }
    const allowed = describeAllowed(entrySchema(setting.valueSchema));
    const reason = issue.params?.reason === undefined ? "" : ` (${issue.params.reason})`;
    return `${where}, entry ${index + 1}: ${showValue(value[index])} is not allowed${reason}. Give ${allowed}.`;
  });
  return [...new Set(problems)];
}

/** The same for a key somewhere in a group of keys. */
function describeGroupIssue(
  where: string,
  schema: ValueSchema,
  group: unknown,
  issue: {
    readonly path: readonly PropertyKey[];
    readonly params?: Readonly<Record<string, unknown>> | undefined;
    readonly keys?: readonly string[];
  },
): string {
  let value = group;
  let inner: ValueSchema | undefined = schema;
  const path = issue.path.slice(1);
  for (const key of path) {
    value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
    inner = inner?.properties?.[String(key)];
  }
  const place = path.length === 0 ? where : `${where}: ${path.map(String).join(".")}`;
  if (issue.keys !== undefined) {
    const known = Object.keys(inner?.properties ?? {});
    return `${place}: there is no key ${issue.keys.map((key) => `'${key}'`).join(", ")}. Give ${known.join(", ")}.`;
  }
  const reason = issue.params?.reason === undefined ? "" : ` (${issue.params.reason})`;
  const allowed = inner === undefined ? "" : ` Give ${describeAllowed(inner)}.`;
  return `${place}: ${showValue(value)} is not allowed${reason}.${allowed}`;
}

/** A value as text for a message: quoted where it is text, bounded, with no control characters. */
function showValue(value: unknown): string {
  if (value === null || value === undefined) return "an empty value";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object") return "a group of keys";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text;
}
