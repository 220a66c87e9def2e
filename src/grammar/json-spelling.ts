import { type CharSet, charSet, charsOf, intersectSets, invertSet, setHas } from "./automaton/char-set.ts";
import type { Spelling } from "./automaton/emit.ts";
import { characterClass, literal } from "./text.ts";

const CONTROLS: CharSet = [[0x00, 0x1f]];
const SHORT_ESCAPES = '"\\\b\f\n\r\t';
const UNESCAPED = invertSet(charSet([...CONTROLS, ...charsOf('"\\')]));
const LONG_ESCAPED = intersectSets(CONTROLS, invertSet(charsOf(SHORT_ESCAPES)));

/** Characters as `JSON.stringify` writes them inside a string. */
export const IN_JSON_STRING: Spelling = {
  char: (code) => JSON.stringify(String.fromCodePoint(code)).slice(1, -1),
  set(set) {
    const plain = intersectSets(set, UNESCAPED);
    const short = Array.from(SHORT_ESCAPES).filter((char) => setHas(set, char.charCodeAt(0)));
    const letters = short.map((char) => JSON.stringify(char).charAt(2)).join("");
    return [
      ...(plain.length === 0 ? [] : [characterClass(plain)]),
      ...(letters === "" ? [] : [`"\\\\" ${characterClass(charsOf(letters))}`]),
      ...["0", "1"].flatMap((high) => longEscapes(high, intersectSets(set, LONG_ESCAPED))),
    ];
  },
};

function longEscapes(high: string, set: CharSet): string[] {
  const low = Array.from("0123456789abcdef")
    .filter((digit) => setHas(set, Number.parseInt(high + digit, 16)))
    .join("");
  return low === "" ? [] : [`${literal(`\\u00${high}`)} ${characterClass(charsOf(low))}`];
}
