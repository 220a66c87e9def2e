import { type LeftOut, quote, type Source } from "./sources.ts";

/** How many tokens a text has. */
export type Count = (text: string) => Promise<number>;

/** A part that would be cut to less is left out whole. */
const MIN_TOKENS = 48;
const MAX_TRIES = 8;
/** More characters than any text has for a token, so that a huge text is cut before it is counted. */
const MAX_CHARS_PER_TOKEN = 12;

/** A source that is put into the prompt. */
export type Placed = Source & { readonly tokens: number };

/**
 * Chooses what fits into so many tokens: the first sources first. The one that doesn't fit whole is cut at a line, and what comes after it is taken
 * if it still fits.
 */
export async function fitSources(
  sources: readonly Source[],
  count: Count,
  budget: number,
): Promise<{ readonly placed: readonly Placed[]; readonly leftOut: readonly LeftOut[] }> {
  const placed: Placed[] = [];
  const leftOut: LeftOut[] = [];
  let left = budget;
  for (const source of sources) {
    const fitting =
      left < MIN_TOKENS ? undefined : await shrink(source, count, Math.min(left, budget * (source.share ?? 1)));
    if (fitting === undefined) {
      leftOut.push({ what: source.title, why: "it doesn't fit the model's context" });
      continue;
    }
    if (fitting.text !== source.text) {
      leftOut.push({ what: source.title, why: `only ${describePart(source, fitting)} fits the model's context` });
    }
    placed.push(fitting);
    left -= fitting.tokens;
  }
  return { placed, leftOut };
}

/** The source, or as many of its lines as fit; undefined if hardly any do. */
async function shrink(source: Source, count: Count, budget: number): Promise<Placed | undefined> {
  const lines = source.text.split("\n");
  let kept = linesWithin(source, lines, budget * MAX_CHARS_PER_TOKEN);
  for (let tries = 0; tries < MAX_TRIES && kept > 0; tries++) {
    const part = kept === lines.length ? source : cut(source, lines, kept);
    const tokens = await count(quote(part));
    if (tokens <= budget) return { ...part, tokens };
    // A little less than in proportion, since lines differ.
    kept = Math.min(kept - 1, Math.floor((kept * budget * 0.95) / tokens));
  }
  return undefined;
}

function linesWithin({ text, keeps }: Source, lines: readonly string[], chars: number): number {
  if (text.length <= chars) return lines.length;
  let left = chars;
  return (keeps === "begin" ? lines : lines.toReversed()).findIndex((line) => {
    left -= line.length + 1;
    return left < 0;
  });
}

function cut(source: Source, lines: readonly string[], kept: number): Source {
  const { title, firstLine = 1, path, keeps } = source;
  const begin = keeps === "begin" ? 0 : lines.length - kept;
  const shown = `lines ${firstLine + begin}-${firstLine + begin + kept - 1}`;
  return {
    ...source,
    title: path === undefined ? `${title} (${keeps === "begin" ? "its begin" : "its end"})` : `${path}, ${shown}`,
    text: lines.slice(begin, begin + kept).join("\n"),
    ...(source.firstLine !== undefined && { firstLine: firstLine + begin }),
  };
}

function describePart(whole: Source, part: Source): string {
  const lines = part.text.split("\n").length;
  return `${whole.keeps === "begin" ? "the first" : "the last"} ${lines} of ${whole.text.split("\n").length} lines`;
}
