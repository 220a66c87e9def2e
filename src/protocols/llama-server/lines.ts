/** Where an answer ends by its lines. */
export type LineRules = {
  /** White space that each line begins with, after the first; 0 is none. */
  readonly indent: number;
  /** An answer that was written for longer ends with its line; 0 is never. */
  readonly maxMs: number;
};

/** What of a piece is shown, and whether the answer ends there. */
export type CutPiece = { readonly text: string; readonly isEnd: boolean };

/**
 * Follows a text that comes in pieces and finds its end by `rules`, as llama-server does: a line that is indented less is cut off but for its
 * white space, and the time counts where a line ends.
 *
 * @param now a clock in ms that never goes back
 */
export function createLineCut({ indent, maxMs }: LineRules, now: () => number): (piece: string) => CutPiece {
  /** When the first piece came. */
  let begunMs: number | undefined;
  /** Of the line's beginning so far; undefined where the line is admitted. */
  let spaces: number | undefined;

  return (piece) => {
    begunMs ??= now();
    const isLate = maxMs > 0 && now() - begunMs > maxMs;
    for (let index = 0; index < piece.length; index += 1) {
      const character = piece[index];
      if (spaces !== undefined && (character === " " || character === "\t")) {
        spaces += 1;
      } else if (spaces !== undefined && spaces < indent) {
        return { text: piece.slice(0, index), isEnd: true };
      } else {
        spaces = character === "\n" ? 0 : undefined;
        if (character === "\n" && isLate) return { text: piece.slice(0, index + 1), isEnd: true };
      }
    }
    return { text: piece, isEnd: false };
  };
}
