/** A Lark grammar that is malformed or can't be translated. */
export class LarkSyntaxError extends Error {
  override readonly name = "LarkSyntaxError";
}

export type LarkToken =
  | { readonly type: "name" | "number" | "mark" | "directive"; readonly text: string }
  | { readonly type: "string" | "regex"; readonly text: string; readonly flags: string }
  | { readonly type: "line" };

/** More tokens than in any grammar written by hand. */
const MAX_TOKENS = 20_000;

const SHAPES = [
  ["space", /[ \t\f\r]+|\\\r?\n|(?:\/\/|#)[^\n]*/y],
  ["line", /\n/y],
  ["string", /"((?:[^"\\\n]|\\.)*)"(i?)/y],
  ["regex", /\/((?!\/)(?:[^/\\\n]|\\.)+)\/([imslux]*)/y],
  ["directive", /%[a-z]+/y],
  ["name", /[!?]*([_A-Za-z][_A-Za-z0-9]*)(?:\.-?\d+)?(?=[ \t]*:)|[_A-Za-z][_A-Za-z0-9]*/y],
  ["number", /\d+/y],
  ["mark", /->|\.\.|[:=|()[\]?*+~.,{}-]/y],
] as const;

/** Splits `source` into tokens, without white space and comments. */
export function readTokens(source: string): readonly LarkToken[] {
  const tokens: LarkToken[] = [];
  for (let at = 0; at < source.length; ) {
    const [kind, match] = nextToken(source, at);
    at += match[0].length;
    if (kind === "space") continue;
    if (tokens.length >= MAX_TOKENS) throw new LarkSyntaxError("it is too long");
    if (kind === "line") tokens.push({ type: kind });
    else if (kind === "string" || kind === "regex") {
      tokens.push({ type: kind, text: match[1] ?? "", flags: match[2] ?? "" });
    } else tokens.push({ type: kind, text: match[1] ?? match[0] });
  }
  return tokens;
}

function nextToken(source: string, at: number): [(typeof SHAPES)[number][0], RegExpExecArray] {
  for (const [kind, shape] of SHAPES) {
    shape.lastIndex = at;
    const match = shape.exec(source);
    if (match !== null) return [kind, match];
  }
  throw new LarkSyntaxError(`there is ${JSON.stringify(source.slice(at, at + 12))}, which is not understood`);
}
