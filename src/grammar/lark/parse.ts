import { COMMON } from "./common.ts";
import type { LarkGrammar, LarkNode } from "./node.ts";
import { LarkSyntaxError, type LarkToken, readTokens } from "./tokens.ts";

/** The maximum depth of groups. */
const MAX_DEPTH = 64;
const MAX_REPEATS = 1_000;
/** The first line of llguidance's grammars. Its options only concern llguidance itself. */
const DIALECT = /^\s*%llguidance[ \t]*\{[^\n]*\}[ \t]*(?=\n|$)/;

/**
 * Parses a grammar in Lark's notation. Ignores what only affects syntax trees (aliases, `?` and `!` before a rule, priorities), and the first
 * line and `[capture]` of llguidance's dialect. Throws `LarkSyntaxError` if the grammar is malformed, and for templates, `%declare`,
 * `%extend`, `%override` and attributes that affect the text.
 */
export function parseLark(source: string): LarkGrammar {
  const tokens = readTokens(source.replace(DIALECT, ""));
  const definitions = new Map<string, LarkNode>();
  const ignored: LarkNode[] = [];
  let at = 0;

  const peek = (ahead = 0): LarkToken | undefined => tokens[at + ahead];
  const isMark = (text: string, ahead = 0) => {
    const token = peek(ahead);
    return token?.type === "mark" && token.text === text;
  };
  const isLine = (ahead = 0) => peek(ahead)?.type === "line";

  function take(text: string): void {
    if (!isMark(text)) throw new LarkSyntaxError(`a '${text}' is missing`);
    at += 1;
  }

  function takeName(): string {
    const token = peek();
    if (token?.type !== "name") throw new LarkSyntaxError("a name is missing");
    at += 1;
    return token.text;
  }

  function skipLines(): void {
    while (isLine()) at += 1;
  }

  /** Alternatives may continue on the next lines, each after a bar. */
  function readChoice(depth: number): LarkNode {
    if (depth > MAX_DEPTH) throw new LarkSyntaxError("its groups are nested too deep");
    const items: LarkNode[] = [];
    if (isMark("|")) at += 1;
    for (;;) {
      items.push(readSequence(depth));
      let ahead = 0;
      while (isLine(ahead)) ahead += 1;
      if (!isMark("|", ahead)) break;
      at += ahead + 1;
    }
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { type: "choice", items };
  }

  function readSequence(depth: number): LarkNode {
    const items: LarkNode[] = [];
    for (;;) {
      if (depth > 0) skipLines();
      const item = readRepeated(depth);
      if (item === undefined) break;
      items.push(item);
    }
    if (isMark("->")) {
      at += 1;
      takeName();
    }
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { type: "sequence", items };
  }

  function readRepeated(depth: number): LarkNode | undefined {
    const item = readAtom(depth);
    if (item === undefined) return undefined;
    const token = peek();
    if (token?.type !== "mark") return item;
    switch (token.text) {
      case "?":
        at += 1;
        return { type: "repeat", item, min: 0, max: 1 };
      case "*":
        at += 1;
        return { type: "repeat", item, min: 0, max: Number.POSITIVE_INFINITY };
      case "+":
        at += 1;
        return { type: "repeat", item, min: 1, max: Number.POSITIVE_INFINITY };
      case "~": {
        at += 1;
        const min = readCount();
        if (!isMark("..")) return { type: "repeat", item, min, max: min };
        at += 1;
        return { type: "repeat", item, min, max: readCount() };
      }
      default:
        return item;
    }
  }

  function readCount(): number {
    const token = peek();
    const count = token?.type === "number" ? Number(token.text) : Number.NaN;
    if (!(count <= MAX_REPEATS)) throw new LarkSyntaxError(`a count is missing, or is above ${MAX_REPEATS}`);
    at += 1;
    return count;
  }

  function readAtom(depth: number): LarkNode | undefined {
    const token = peek();
    if (token === undefined) return undefined;
    if (token.type === "string") return readString(token);
    if (token.type === "directive") throw new LarkSyntaxError(`it has ${token.text}, which is not translated`);
    if (token.type === "regex") {
      at += 1;
      return { type: "regex", pattern: withFlags(token.text, token.flags) };
    }
    // A name with a colon after it begins the next definition.
    if (token.type === "name" && !isMark(":", 1)) {
      at += 1;
      if (isMark("{")) throw new LarkSyntaxError("it has templates, which are not translated");
      return { type: "reference", name: token.text };
    }
    if (isMark("(") || isMark("[")) {
      const isOptional = isMark("[");
      at += 1;
      const item = readChoice(depth + 1);
      skipLines();
      take(isOptional ? "]" : ")");
      return isOptional ? { type: "repeat", item, min: 0, max: 1 } : item;
    }
    return undefined;
  }

  function readString({ text, flags }: Extract<LarkToken, { type: "string" | "regex" }>): LarkNode {
    at += 1;
    const first = unescapeText(text);
    const end = peek(1);
    if (!isMark("..") || end?.type !== "string") return { type: "text", text: first, ignoresCase: flags === "i" };
    at += 2;
    const last = unescapeText(end.text);
    if (Array.from(first).length !== 1 || Array.from(last).length !== 1 || first > last) {
      throw new LarkSyntaxError("a range is not from one character to a later one");
    }
    return { type: "range", first, last };
  }

  function readDirective(directive: string): void {
    at += 1;
    if (directive === "%ignore") {
      ignored.push(readChoice(0));
    } else if (directive === "%import") {
      readImport();
    } else {
      throw new LarkSyntaxError(`it has ${directive}, which is not translated`);
    }
  }

  function readImport(): void {
    if (takeName() !== "common") throw new LarkSyntaxError("only terminals of `common` can be imported");
    if (isMark("(")) {
      do {
        at += 1;
        const name = takeName();
        importCommon(name, name);
      } while (isMark(","));
      take(")");
      return;
    }
    take(".");
    const name = takeName();
    if (isMark("->")) {
      at += 1;
      importCommon(name, takeName());
    } else {
      importCommon(name, name);
    }
  }

  function importCommon(name: string, alias: string): void {
    const pattern = Object.hasOwn(COMMON, name) ? COMMON[name] : undefined;
    if (pattern === undefined) throw new LarkSyntaxError(`\`common\` has no terminal ${name} here`);
    definitions.set(alias, { type: "regex", pattern });
  }

  /** `[capture]`, or `[capture="name"]`. */
  function readAttributes(name: string): void {
    if (!isMark("[")) return;
    for (at += 1; !isMark("]"); ) {
      const attribute = takeName();
      if (attribute !== "capture") {
        throw new LarkSyntaxError(
          `${name} has the attribute ${attribute}, which is not translated; set it in the request`,
        );
      }
      if (isMark("=")) at += 2;
      if (isMark(",")) at += 1;
    }
    at += 1;
  }

  for (skipLines(); at < tokens.length; skipLines()) {
    const token = peek();
    if (token?.type === "directive") {
      readDirective(token.text);
    } else {
      const name = takeName();
      readAttributes(name);
      take(":");
      if (definitions.has(name)) throw new LarkSyntaxError(`${name} is defined twice`);
      definitions.set(name, readChoice(0));
    }
    if (at < tokens.length && !isLine()) throw new LarkSyntaxError("a line has more than one definition");
  }
  return { definitions, ignored };
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f", v: "\v", b: "\b", "0": "\0" };

/** Python's escapes of a string. */
function unescapeText(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/g,
    (_, short?: string, long?: string, letter = "") =>
      short !== undefined || long !== undefined
        ? String.fromCharCode(Number.parseInt(short ?? long ?? "", 16))
        : (ESCAPES[letter] ?? letter),
  );
}

/** Applies flags. With `s` a dot matches any character. `u` is the default; other flags are not supported. */
function withFlags(pattern: string, flags: string): string {
  if (/[imlx]/.test(flags))
    throw new LarkSyntaxError(`the flags '${flags}' of a regular expression are not translated`);
  // Lark allows an escaped slash, which has no meaning in the expression itself.
  const own = pattern.replaceAll("\\/", "/");
  return flags.includes("s")
    ? own.replace(/\\.|\[(?:[^\]\\]|\\.)*\]|\./gs, (part) => (part === "." ? "[\\s\\S]" : part))
    : own;
}
