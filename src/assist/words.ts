/** Words of questions that say nothing about code. */
const EMPTY = new Set(
  "a an and are as at be by can code do does file for from function get has have how i in is it its me not of on or repository so that the there this to use used uses using was what when where which who why will with you".split(
    " ",
  ),
);

/** The words of a text, in lower case: names whole and in their parts, such as `readFile`, `read` and `file`. */
export function wordsOf(text: string): readonly string[] {
  return Array.from(text.matchAll(/[\p{L}\p{N}_]{1,64}/gu), ([name]) => name).flatMap((name) => {
    const parts = name.replaceAll(/(\p{Ll}|\p{N})(\p{Lu})|(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1$3_$2$4").split("_");
    const words = parts.filter((part) => part !== "").map(stem);
    return words.length > 1 ? [name.toLowerCase(), ...words] : words;
  });
}

/** The words of a question that are worth looking for, each once. All of them, where none is. */
export function wordsOfQuestion(question: string): readonly string[] {
  const words = [...new Set(wordsOf(question))];
  const full = words.filter((word) => !EMPTY.has(word));
  return full.length > 0 ? full : words;
}

/** One word for its one and many. */
function stem(word: string): string {
  const lower = word.toLowerCase();
  return lower.length > 3 && lower.endsWith("s") && !lower.endsWith("ss") ? lower.slice(0, -1) : lower;
}
