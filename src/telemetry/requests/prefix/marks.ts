/** Kinds of text that change from request to request, in the order in which they are looked for. */
const KINDS = [
  { word: "a UUID", pattern: "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}" },
  {
    word: "a date",
    pattern: [
      String.raw`\b\d{4}-\d{2}-\d{2}(?!\d)`,
      String.raw`\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b`,
      String.raw`\b(?:\d{1,2}(?:st|nd|rd|th)? )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.? \d{1,4}(?:st|nd|rd|th)?(?:,? \d{4})?\b`,
      String.raw`\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b`,
    ].join("|"),
  },
  {
    word: "a time of day",
    pattern: String.raw`(?<!\d)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[ap]\.?m\b\.?)?(?:Z\b|[+-]\d{2}:?\d{2}\b)?`,
  },
  { word: "a Unix time", pattern: String.raw`\b1[5-9]\d{8}(?:\d{3})?\b` },
  { word: "an id", pattern: String.raw`\b[A-Za-z0-9_-]{16,}\b` },
  { word: "a number", pattern: String.raw`\d+(?:[.,]\d+)*` },
] as const;

/** What kind of text differs between two lines that are otherwise the same. */
export type KindWord = (typeof KINDS)[number]["word"];

const ANY = new RegExp(KINDS.map(({ pattern }) => `(${pattern})`).join("|"), "gi");
/** Stands for what was taken out. */
const GAP = "\u0000";
const MAY_HAVE_ANY = /\d|day\b/i;

/** A line without what changes, and what changes in it by kind; undefined if there is nothing of the kind. */
export type Marked = { readonly rest: string; readonly kinds: ReadonlyMap<KindWord, string> };

/** Takes the parts out of a line that are likely to change from request to request. */
export function findMarks(line: string): Marked | undefined {
  if (!MAY_HAVE_ANY.test(line)) return undefined;
  const kinds = new Map<KindWord, string>();
  const rest = line.replace(ANY, (found: string, ...groups: readonly unknown[]) => {
    const word = KINDS[groups.findIndex((group) => group !== undefined)]?.word;
    // A long word is no id unless it has digits.
    if (word === undefined || (word === "an id" && !/\d/.test(found))) return found;
    kinds.set(word, `${kinds.get(word) ?? ""}${GAP}${found}`);
    return GAP;
  });
  return kinds.size === 0 ? undefined : { rest, kinds };
}
