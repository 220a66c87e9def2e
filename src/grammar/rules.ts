import { UnsupportedSchemaError } from "./errors.ts";
import { MAX_GBNF_LENGTH, MAX_RULES } from "./limits.ts";

const MAX_NAME_LENGTH = 40;
const DEFINED_AS = " ::= ";

/** Collects the rules of one grammar. Names are unique. */
export type RuleBook = {
  /** A new name that looks like `hint`, for a rule that is defined later. */
  readonly reserve: (hint: string) => string;
  /** Throws an error with `path` when the grammar grows too large. */
  readonly define: (name: string, body: string, path: string) => void;
  /** Returns the name of the rule with this body, and defines it if there is none. */
  readonly rule: (hint: string, body: string, path: string) => string;
  /**
   * Defines another book's rules under names of this one, and returns the name for its `root`. If they make the grammar too large, none is
   * defined.
   */
  readonly adopt: (rules: ReadonlyMap<string, string>, root: string, path: string) => string;
  /** The rules defined so far. */
  readonly rules: () => ReadonlyMap<string, string>;
  /** The whole grammar, whose start rule, `root`, is the rule `root`. */
  readonly toGbnf: (root: string) => string;
};

/** The error for a grammar that grows too large, reported at `path`. */
export function tooLarge(path: string): UnsupportedSchemaError {
  return new UnsupportedSchemaError(
    path,
    path.split(".").at(-1) ?? path,
    "its grammar would be too large; make it simpler",
  );
}

/** @param reserved characters that adopted rules must leave for the rules that combine them, such as the calls of many tools */
export function createRuleBook(reserved = 0): RuleBook {
  const maxAdopted = MAX_GBNF_LENGTH - reserved;
  const bodies = new Map<string, string>();
  const names = new Set(["root"]);
  const byBody = new Map<string, string>();
  let adopted = 0;
  /** Begins with the line of `root`. */
  let length = `root${DEFINED_AS}\n`.length + 2 * MAX_NAME_LENGTH;

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

  function define(name: string, body: string, path: string, isAdopted = false): void {
    const written = name.length + DEFINED_AS.length + body.length + 1;
    const isTooLarge = length + written > MAX_GBNF_LENGTH || (isAdopted && adopted + written > maxAdopted);
    if (bodies.size >= MAX_RULES || isTooLarge) {
      throw tooLarge(path);
    }
    length += written;
    if (isAdopted) adopted += written;
    bodies.set(name, body);
  }

  /** Undoes all definitions of `work` if it throws, so that later parts can use the space. */
  function whole<T>(work: () => T): T {
    const before = { length, adopted, count: bodies.size, unique: byBody.size };
    try {
      return work();
    } catch (error) {
      for (const name of [...bodies.keys()].slice(before.count)) bodies.delete(name);
      for (const body of [...byBody.keys()].slice(before.unique)) byBody.delete(body);
      length = before.length;
      adopted = before.adopted;
      throw error;
    }
  }

  function rule(hint: string, body: string, path: string, isAdopted?: boolean): string {
    const known = byBody.get(body);
    if (known !== undefined) {
      return known;
    }
    const name = reserve(hint);
    define(name, body, path, isAdopted);
    byBody.set(body, name);
    return name;
  }

  return {
    reserve,
    define,
    rule,
    adopt: (rules, root, path) => whole(() => adopt(rules, root, path)),
    rules: () => bodies,
    toGbnf: (root) =>
      [`root${DEFINED_AS}${root}`, ...Array.from(bodies, ([name, body]) => name + DEFINED_AS + body), ""].join("\n"),
  };

  function adopt(rules: ReadonlyMap<string, string>, root: string, path: string): string {
    const renamed = new Map<string, string>();
    const later: [name: string, body: string][] = [];
    for (const [name, body] of rules) {
      // A rule that only uses existing rules, such as strings, numbers and white space, may exist, too.
      if (namesIn(body).every((used) => renamed.has(used) || !rules.has(used))) {
        renamed.set(name, rule(name, renameIn(body, renamed), path, true));
      } else {
        renamed.set(name, reserve(name));
        later.push([name, body]);
      }
    }
    for (const [name, body] of later) {
      define(renamed.get(name) ?? name, renameIn(body, renamed), path, true);
    }
    return renamed.get(root) ?? root;
  }
}

/** Literals and classes, which stay as they are; numbers of repetitions; and names. */
const TOKENS = /"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|\{[^}]*\}|[A-Za-z0-9-]+/g;

function namesIn(body: string): readonly string[] {
  return body.match(TOKENS) ?? [];
}

function renameIn(body: string, names: ReadonlyMap<string, string>): string {
  return body.replace(TOKENS, (token) => names.get(token) ?? token);
}
