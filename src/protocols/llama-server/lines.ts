/** Rules about lines that end an answer. */
export type LineRules = {
  /** The least indentation of each line after the first; 0 for no rule. */
  readonly indent: number;
  /** After this time an answer ends with its current line; 0 for no rule. */
  readonly maxMs: number;
};

/** The part of a piece to show, and whether the answer ends there. */
export type CutPiece = { readonly text: string; readonly isEnd: boolean };

/**
 * Finds the end of a streamed text by its lines, as llama-server does: a line with too little indentation is cut off after its white space,
 * and the time limit applies at the end of a line.
 *
 * @param now a monotonic clock in ms
 */
export function createLineCut({ indent, maxMs }: LineRules, now: () => number): (piece: string) => CutPiece {
  /** When the first piece arrived. */
  let begunMs: number | undefined;
  /** The current line's indentation so far; undefined once the line is accepted. */
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
