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
  /** Defines other rules, of a book of their own, under names of this one; returns the name of the one that was `root` there. */
  readonly adopt: (rules: ReadonlyMap<string, string>, root: string, path: string) => string;
  /** What was defined. */
  readonly rules: () => ReadonlyMap<string, string>;
  /** The whole grammar, whose start rule, `root`, is the rule `root`. */
  readonly toGbnf: (root: string) => string;
};

/** The error for a grammar that grows too large; `path` is blamed. */
export function tooLarge(path: string): UnsupportedSchemaError {
  return new UnsupportedSchemaError(
    path,
    path.split(".").at(-1) ?? path,
    "its grammar would be too large; make it simpler",
  );
}

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
      throw tooLarge(path);
    }
  }

  function rule(hint: string, body: string, path: string): string {
    const known = byBody.get(body);
    if (known !== undefined) {
      return known;
    }
    const name = reserve(hint);
    byBody.set(body, name);
    define(name, body, path);
    return name;
  }

  return {
    reserve,
    define,
    rule,
    adopt(rules, root, path) {
      const renamed = new Map<string, string>();
      const later: [name: string, body: string][] = [];
      for (const [name, body] of rules) {
        // What needs nothing but rules that are here may be here too: such as strings, numbers and white space.
        if (namesIn(body).every((used) => renamed.has(used) || !rules.has(used))) {
          renamed.set(name, rule(name, renameIn(body, renamed), path));
        } else {
          renamed.set(name, reserve(name));
          later.push([name, body]);
        }
      }
      for (const [name, body] of later) {
        define(renamed.get(name) ?? name, renameIn(body, renamed), path);
      }
      return renamed.get(root) ?? root;
    },
    rules: () => bodies,
    toGbnf: (root) =>
      ["root ::= ".concat(root), ...Array.from(bodies, ([name, body]) => `${name} ::= ${body}`), ""].join("\n"),
  };
}

/** Literals and classes, which are left as they are; numbers of repetitions; and names. */
const TOKENS = /"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|\{[^}]*\}|[A-Za-z0-9-]+/g;

function namesIn(body: string): readonly string[] {
  return body.match(TOKENS) ?? [];
}

function renameIn(body: string, names: ReadonlyMap<string, string>): string {
  return body.replace(TOKENS, (token) => names.get(token) ?? token);
}
