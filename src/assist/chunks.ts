/** Some lines of a file that stand together, counted from 1. */
export type Chunk = { readonly path: string; readonly firstLine: number; readonly text: string };

/** As much as a model for embeddings takes in: 512 tokens, of code. */
const MAX_CHARS = 1_000;
const MAX_LINES = 40;
/** A chunk that has as much may end at an empty line. */
const MIN_CHARS = 400;

/** Splits a text into chunks, at empty lines where it can. A line that is too long for one is cut. */
export function splitChunks(path: string, text: string): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let begin = 0;
  let taken: string[] = [];
  let chars = 0;
  const end = (next: number) => {
    if (taken.some((line) => line.trim() !== "")) chunks.push({ path, firstLine: begin + 1, text: taken.join("\n") });
    [begin, taken, chars] = [next, [], 0];
  };
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const shown = line.slice(0, MAX_CHARS);
    if (taken.length > 0 && (chars + shown.length > MAX_CHARS || taken.length >= MAX_LINES)) end(index);
    taken.push(shown);
    chars += shown.length + 1;
    if (line.trim() === "" && chars >= MIN_CHARS) end(index + 1);
  }
  end(0);
  return chunks;
}
