/** No guess is made beyond this many edits: it would be a different word, not a slip of the finger. */
const MAX_EDITS = 3;

/**
 * The candidate that was probably meant by `word`, or undefined when none is near. Case, `-` and `_` make no difference, so that
 * `max-pending` finds `maxPending`.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = bare(word);
  let best: string | undefined;
  let bestEdits = MAX_EDITS + 1;
  for (const candidate of candidates) {
    const name = bare(candidate);
    const edits = countEdits(wanted, name);
    if (edits < bestEdits && edits <= Math.max(wanted.length, name.length) / 2) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

/** ` Did you mean X?` with its leading space, or nothing: to be put behind a message. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const guess = nearest(word, candidates);
  return guess === undefined ? "" : ` Did you mean ${guess}?`;
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, "");
}

/** Insertions, deletions, replacements and swaps of neighbours: the optimal string alignment distance. */
function countEdits(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MAX_EDITS) return MAX_EDITS + 1;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = at(previous, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      let edits = Math.min(at(previous, column) + 1, at(current, column - 1) + 1, replaced);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) edits = Math.min(edits, at(beforePrevious, column - 2) + 1);
      current.push(edits);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
