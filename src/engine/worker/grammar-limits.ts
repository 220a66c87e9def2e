/** The longest grammar. llama.cpp parses it in the engine's process, which all requests share. */
const MAX_CHARS = 256 * 1024;
/** llama.cpp parses nested groups by recursion; much deeper ones would crash the process. */
const MAX_DEPTH = 100;
/** Characters and references after llama.cpp has expanded the repetitions: about 24 bytes each. */
const MAX_ELEMENTS = 500_000;
/** llama.cpp's `MAX_REPETITION_THRESHOLD`: it refuses more, or treats it as unlimited. */
const MAX_REPETITIONS = 2_000;

const COMMENT = /#[^\n]*/y;
const LITERAL = /"(?:[^"\\]|\\.)*"/sy;
const CHARACTER_CLASS = /\[(?:[^\]\\]|\\.)*\]/sy;
const NAME = /[A-Za-z0-9-]+/y;
const REPETITION = /\{\s*(\d+)\s*(?:,\s*(\d*)\s*)?\}/y;

/**
 * Returns why a grammar is too large for llama.cpp, which has few limits itself. Undefined if it isn't. Doesn't check whether the grammar
 * parses.
 */
export function findGrammarExcess(gbnf: string): string | undefined {
  if (gbnf.includes("\0"))
    return "The grammar has a NUL character, at which llama.cpp would end it. Write it as \\x00.";
  if (gbnf.length > MAX_CHARS) return `The grammar has more than ${MAX_CHARS} characters. Shorten it.`;
  let depth = 0;
  let elements = 0;
  /** The number of elements of the last item, which a repetition would repeat. */
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
        // llama.cpp computes the difference as an unsigned number and would create rules endlessly.
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
