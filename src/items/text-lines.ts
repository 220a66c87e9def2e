/** A line of a text, without what ends it; undefined if it has more characters than it may. */
export type TextLine = string | undefined;

/** The lines of a text that keeps coming. Of one that is too long nothing is kept, and no more than one is in memory. */
export async function* textLines(
  pieces: AsyncIterable<Uint8Array | string>,
  maxLength: number,
): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder();
  let line = "";
  let isTooLong = false;

  function add(text: string): void {
    isTooLong ||= line.length + text.length > maxLength;
    line = isTooLong ? "" : line + text;
  }

  function finish(): TextLine {
    const finished = isTooLong ? undefined : line.endsWith("\r") ? line.slice(0, -1) : line;
    line = "";
    isTooLong = false;
    return finished;
  }

  for await (const piece of pieces) {
    const [first = "", ...others] = (typeof piece === "string" ? piece : decoder.decode(piece, { stream: true })).split(
      "\n",
    );
    add(first);
    for (const text of others) {
      yield finish();
      add(text);
    }
  }
  add(decoder.decode());
  if (line !== "" || isTooLong) yield finish();
}
