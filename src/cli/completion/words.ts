/** What a shell understands by a word as it was typed so far: without its quotes. Nothing is expanded. */
export function unquote(typed: string): string {
  let text = "";
  let quote: "'" | '"' | undefined;
  for (let at = 0; at < typed.length; at += 1) {
    const character = typed[at] ?? "";
    if (quote === undefined && (character === "'" || character === '"')) quote = character;
    else if (character === quote) quote = undefined;
    else if (character === "\\" && quote !== "'" && at + 1 < typed.length) {
      at += 1;
      const next = typed[at] ?? "";
      // Between double quotes a backslash stays before most characters.
      text += quote === '"' && !/["$\\`]/.test(next) ? `\\${next}` : next;
    } else text += character;
  }
  return text;
}

/**
 * Writes a word so that bash reads it as it is, when it takes the place of one that was typed so far. Where that began with a quote, bash ends the
 * quote itself.
 */
export function quoteForBash(word: string, typed: string): string {
  if (typed.startsWith("'")) return `'${word.replaceAll("'", "'\\''")}`;
  if (typed.startsWith('"')) return `"${word.replaceAll(/["$\\`]/g, "\\$&")}`;
  return word.replaceAll(/[^\p{L}\p{N}_@%+=:,./-]/gu, "\\$&");
}
