/**
 * The lengths of the pieces of `length` tokens, at most `limit` each and as even as possible, because a single token at the end would be
 * evaluated differently (docs/decisions/007-exactness.md).
 */
export function evenPieces(length: number, limit: number): readonly number[] {
  const count = Math.ceil(length / limit);
  return Array.from(
    { length: count },
    (_, index) => Math.floor((length * (index + 1)) / count) - Math.floor((length * index) / count),
  );
}

/** The mean of all tokens' vectors, from the means of the pieces. */
export function joinMeans(pieces: readonly { readonly tokens: number; readonly mean: Float64Array }[]): Float32Array {
  const total = pieces.reduce((sum, { tokens }) => sum + tokens, 0);
  const [first] = pieces;
  if (first === undefined) throw new Error("there is no mean of no pieces");
  const { length } = first.mean;
  return Float32Array.from({ length }, (_, axis) =>
    pieces.reduce((sum, { tokens, mean }) => sum + ((mean[axis] ?? 0) * tokens) / total, 0),
  );
}
