const LONGEST = 60;

/** Makes a title of a conversation's first message: its first line, cut at a word. */
export function titleOf(text: string): string {
  const line = text
    .split("\n")
    .map((each) => each.replace(/^[#>*\s`-]+/, "").trim())
    .find((each) => each !== "");
  if (line === undefined) return "New conversation";
  if (line.length <= LONGEST) return line;
  const cut = line.slice(0, LONGEST);
  const space = cut.lastIndexOf(" ");
  // Half a surrogate pair is no character.
  return `${(space > LONGEST / 2 ? cut.slice(0, space) : cut).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
