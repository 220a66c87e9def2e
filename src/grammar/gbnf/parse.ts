import type { GbnfNode, GbnfRules } from "./node.ts";

/** llama.cpp's parser recurses into groups without checking its stack. */
const MAX_NESTED_GROUPS = 64;
/** llama.cpp ignores a larger maximum, and refuses a larger minimum. */
const MAX_REPETITIONS = 2_000;

/** A syntax error in a grammar, with its line. */
export class GbnfSyntaxError extends Error {
  override readonly name = "GbnfSyntaxError";
}

const CHAR = /^(?:\\x([\dA-Fa-f]{2})|\\u([\dA-Fa-f]{4})|\\U([\dA-Fa-f]{8})|\\([trn\\"[\]-])|([^\\]))/u;
const CONTROLS: ReadonlyMap<string, string> = new Map([
  ["t", "\t"],
  ["r", "\r"],
  ["n", "\n"],
]);

/** Parses GBNF as llama.cpp does. Throws `GbnfSyntaxError`. */
export function parseGbnf(source: string): GbnfRules {
  const rules = new Map<string, GbnfNode>();
  let index = 0;
  let depth = 0;

  const rest = () => source.slice(index, index + 64);
  function fail(expected: string): GbnfSyntaxError {
    const line = source.slice(0, index).split("\n").length;
    return new GbnfSyntaxError(`line ${line}: expected ${expected}, found ${JSON.stringify(rest().slice(0, 12))}`);
  }
  function take(pattern: RegExp): RegExpExecArray | null {
    const found = pattern.exec(rest());
    index += found?.[0].length ?? 0;
    return found;
  }
  /** Skips white space and comments, and, with `overLines`, line breaks. */
  function skipSpace(overLines: boolean): void {
    const space = overLines ? /[ \t\r\n]*(?:#[^\r\n]*[ \t\r\n]*)*/y : /[ \t]*(?:#[^\r\n]*)?/y;
    space.lastIndex = index;
    index += space.exec(source)?.[0].length ?? 0;
  }
  function takeName(): string {
    const name = /[A-Za-z0-9-]+/y;
    name.lastIndex = index;
    const [found] = name.exec(source) ?? [];
    if (found === undefined) {
      throw fail("a name");
    }
    index += found.length;
    return found;
  }
  function takeChar(): number {
    const found = take(CHAR);
    if (found === null) {
      throw fail("a character or an escape");
    }
    const [, byte, unit, long, escaped, plain] = found;
    const hex = byte ?? unit ?? long;
    const code =
      hex === undefined
        ? (CONTROLS.get(escaped ?? "") ?? escaped ?? plain ?? "").codePointAt(0)
        : Number.parseInt(hex, 16);
    return code ?? 0;
  }
  function parseChoice(isNested: boolean): GbnfNode {
    const items = [parseSequence(isNested)];
    while (take(/^\|/) !== null) {
      skipSpace(true);
      items.push(parseSequence(isNested));
    }
    return items.length === 1 && items[0] !== undefined ? items[0] : { type: "choice", items };
  }
  function parseSequence(isNested: boolean): GbnfNode {
    const items: GbnfNode[] = [];
    for (;;) {
      const item = parseItem();
      if (item === undefined) {
        return items.length === 1 && items[0] !== undefined ? items[0] : { type: "sequence", items };
      }
      skipSpace(isNested);
      items.push(parseRepetitions(item, isNested));
    }
  }
  function parseItem(): GbnfNode | undefined {
    switch (source[index]) {
      case '"':
        return parseLiteral();
      case "[":
        return parseClass();
      case ".":
        index += 1;
        return { type: "chars", ranges: [], isInverted: true };
      case "(":
        return parseGroup();
      case "<":
      case "!":
        throw fail("a rule (tokens can't be named here)");
      default:
        return /^[A-Za-z0-9-]/.test(rest()) ? { type: "reference", name: takeName() } : undefined;
    }
  }
  function parseLiteral(): GbnfNode {
    index += 1;
    const items: GbnfNode[] = [];
    while (source[index] !== '"') {
      const code = takeChar();
      items.push({ type: "chars", ranges: [[code, code]], isInverted: false });
    }
    index += 1;
    return { type: "sequence", items };
  }
  function parseClass(): GbnfNode {
    index += 1;
    const isInverted = take(/^\^/) !== null;
    const ranges: (readonly [number, number])[] = [];
    while (source[index] !== "]") {
      const first = takeChar();
      const isRange = take(/^-(?!\])/) !== null;
      ranges.push([first, isRange ? takeChar() : first]);
    }
    index += 1;
    return { type: "chars", ranges, isInverted };
  }
  function parseGroup(): GbnfNode {
    index += 1;
    depth += 1;
    if (depth > MAX_NESTED_GROUPS) {
      throw fail(`at most ${MAX_NESTED_GROUPS} nested groups`);
    }
    skipSpace(true);
    const inner = parseChoice(true);
    if (take(/^\)/) === null) {
      throw fail("')'");
    }
    depth -= 1;
    return inner;
  }
  function parseRepetitions(item: GbnfNode, isNested: boolean): GbnfNode {
    let repeated = item;
    for (;;) {
      const found = take(/^(?:([*+?])|\{\s*(\d{1,9})\s*(,\s*(\d{1,9})?\s*)?\})/);
      if (found === null) {
        return repeated;
      }
      const [, sign, least, comma, most] = found;
      const min = sign === undefined ? Number(least) : sign === "+" ? 1 : 0;
      const limited = comma === undefined ? min : Number(most ?? Number.POSITIVE_INFINITY);
      const max = sign === undefined ? limited : sign === "?" ? 1 : Number.POSITIVE_INFINITY;
      if (max < min || min > MAX_REPETITIONS || (max > MAX_REPETITIONS && max !== Number.POSITIVE_INFINITY)) {
        throw fail(`at most ${MAX_REPETITIONS} repetitions, and no fewer than at least, before this`);
      }
      repeated = { type: "repeat", item: repeated, min, max };
      skipSpace(isNested);
    }
  }

  skipSpace(true);
  while (index < source.length) {
    const name = takeName();
    skipSpace(false);
    if (take(/^::=/) === null) {
      throw fail("'::='");
    }
    skipSpace(true);
    rules.set(name, parseChoice(false));
    if (index < source.length && take(/^(?:\r\n|\r|\n)/) === null) {
      throw fail("the end of the line");
    }
    skipSpace(true);
  }
  return rules;
}
