import { UnsupportedSchemaError } from "./errors.ts";
import { MAX_GBNF_LENGTH, MAX_RULES } from "./limits.ts";

const MAX_NAME_LENGTH = 40;

/** The rules of one grammar, in the making. Names are unique. */
export type RuleBook = {
  /** A new name that looks like `hint`, for a rule that is defined later. */
  readonly reserve: (hint: string) => string;
  /** `path` is blamed where the grammar grows too large. */
  readonly define: (name: string, body: string, path: string) => void;
  /** The name of a rule with this body: an old one's, or a new one's. */
  readonly rule: (hint: string, body: string, path: string) => string;
  /** The whole grammar, whose start rule, `root`, is the rule `root`. */
  readonly toGbnf: (root: string) => string;
};

export function createRuleBook(): RuleBook {
  const bodies = new Map<string, string>();
  const names = new Set(["root"]);
  const byBody = new Map<string, string>();
  let length = 0;

  function reserve(hint: string): string {
    // GBNF's names are letters, digits and hyphens.
    const stem =
      hint
        .replace(/[^A-Za-z0-9]+/g, "-")
        .replace(/^-|-$/g, "")
        .slice(0, MAX_NAME_LENGTH) || "rule";
    let name = stem;
    for (let count = names.size; names.has(name); count += 1) {
      name = `${stem}-${count}`;
    }
    names.add(name);
    return name;
  }

  function define(name: string, body: string, path: string): void {
    length += name.length + body.length;
    bodies.set(name, body);
    if (bodies.size > MAX_RULES || length > MAX_GBNF_LENGTH) {
      throw new UnsupportedSchemaError(
        path,
        path.split(".").at(-1) ?? path,
        "its grammar would be too large; make it simpler",
      );
    }
  }

  return {
    reserve,
    define,
    rule(hint, body, path) {
      const known = byBody.get(body);
      if (known !== undefined) {
        return known;
      }
      const name = reserve(hint);
      byBody.set(body, name);
      define(name, body, path);
      return name;
    },
    toGbnf: (root) =>
      ["root ::= ".concat(root), ...Array.from(bodies, ([name, body]) => `${name} ::= ${body}`), ""].join("\n"),
  };
}
