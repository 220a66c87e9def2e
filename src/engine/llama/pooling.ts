/**
 * Where to cut `length` tokens into pieces of at most `limit`, as evenly as it goes: a lone token at the end would be evaluated
 * otherwise than in company (docs/decisions/007-exactness.md). Returns each piece's length.
 */
export function evenPieces(length: number, limit: number): readonly number[] {
  const count = Math.ceil(length / limit);
  return Array.from(
    { length: count },
    (_, index) => Math.floor((length * (index + 1)) / count) - Math.floor((length * index) / count),
  );
}

/** The mean of all tokens' vectors, from the means of pieces of the text. */
export function joinMeans(pieces: readonly { readonly tokens: number; readonly mean: Float64Array }[]): Float32Array {
  const total = pieces.reduce((sum, { tokens }) => sum + tokens, 0);
  const [first] = pieces;
  if (first === undefined) throw new Error("a mean of nothing");
  const { length } = first.mean;
  return Float32Array.from({ length }, (_, axis) =>
    pieces.reduce((sum, { tokens, mean }) => sum + ((mean[axis] ?? 0) * tokens) / total, 0),
  );
}
