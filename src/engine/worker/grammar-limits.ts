/** Longer grammars are nobody's by hand, and llama.cpp parses in the engine's process, which others share. */
const MAX_CHARS = 256 * 1024;
/** llama.cpp parses a group inside a group by recursion; far deeper ones end the process. */
const MAX_DEPTH = 100;
/** Characters and references after repetitions were written out, which llama.cpp does: 24 bytes each in all. */
const MAX_ELEMENTS = 500_000;
/** llama.cpp's `MAX_REPETITION_THRESHOLD`: more is refused, or becomes "any number". */
const MAX_REPETITIONS = 2_000;

const COMMENT = /#[^\n]*/y;
const LITERAL = /"(?:[^"\\]|\\.)*"/sy;
const CHARACTER_CLASS = /\[(?:[^\]\\]|\\.)*\]/sy;
const NAME = /[A-Za-z0-9-]+/y;
const REPETITION = /\{\s*(\d+)\s*(?:,\s*(\d*)\s*)?\}/y;

/**
 * Why a grammar is too much for llama.cpp, which has few bounds of its own; undefined where it isn't. Says nothing of whether it can
 * be parsed.
 */
export function findGrammarExcess(gbnf: string): string | undefined {
  if (gbnf.includes("\0"))
    return "The grammar has a NUL character, at which llama.cpp would end it. Write it as \\x00.";
  if (gbnf.length > MAX_CHARS) return `The grammar has more than ${MAX_CHARS} characters. Shorten it.`;
  let depth = 0;
  let elements = 0;
  /** How many elements the last item has: what a repetition repeats. */
  let item = 0;
  for (let at = 0; at < gbnf.length; ) {
    const read = (pattern: RegExp): RegExpExecArray | null => {
      pattern.lastIndex = at;
      return pattern.exec(gbnf);
    };
    const character = gbnf[at];
    const comment = character === "#" ? read(COMMENT) : null;
    const text = comment ?? read(LITERAL) ?? read(CHARACTER_CLASS) ?? read(NAME);
    const repetition = text === null ? read(REPETITION) : null;
    at += (text ?? repetition)?.[0].length ?? 1;
    if (comment !== null) continue;
    if (character === "{" && repetition === null) {
      return "The grammar has a `{` that is no plain repetition, such as {3}, {3,} or {3,5}.";
    }
    if (text !== null) {
      item = /["[]/.test(character ?? "") ? text[0].length : 1;
      elements += item;
    } else if (repetition !== null) {
      if (repetition[2] && Number(repetition[2]) < Number(repetition[1])) {
        // llama.cpp counts the difference without a sign and would make rules for ever.
        return `The grammar repeats ${repetition[0]}: the second number must not be less than the first.`;
      }
      const times = Math.max(Number(repetition[1]), Number(repetition[2] ?? 0), 1);
      item *= Math.min(times, MAX_REPETITIONS);
      elements += item + 3 * Math.min(times, MAX_REPETITIONS);
    } else if (character === "(") {
      depth++;
    } else if (character === ")") {
      depth--;
      item = 1;
      elements++;
    } else if (character === "*" || character === "+" || character === "?") {
      elements += item + 3;
    }
    if (depth > MAX_DEPTH)
      return `The grammar has groups inside groups, more than ${MAX_DEPTH} deep. Name some of them as rules.`;
    if (elements > MAX_ELEMENTS) return "The grammar's repetitions are too many. Use smaller ones, or `*`.";
  }
  return undefined;
}
