/**
 * Returns the first `dimensions` numbers of a vector, normalised to the Euclidean length 1, as OpenAI does. Models trained for it
 * (Matryoshka) lose little quality. A zero vector stays unchanged.
 *
 * @throws if a number is not finite: JSON would show it as `null`
 */
export function shapeVector(vector: Float32Array, dimensions: number | undefined): Float32Array {
  const cut = vector.subarray(0, dimensions);
  const length = Math.sqrt(cut.reduce((sum, value) => sum + value * value, 0));
  if (!Number.isFinite(length)) throw new Error("The model returned a vector with a number that is not finite.");
  return length === 0 ? cut : cut.map((value) => value / length);
}

/** Encodes a vector as little-endian 32-bit floats in base64, which OpenAI's clients request by default. */
export function encodeBase64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * Float32Array.BYTES_PER_ELEMENT);
  vector.forEach((value, index) => {
    bytes.writeFloatLE(value, index * Float32Array.BYTES_PER_ELEMENT);
  });
  return bytes.toString("base64");
}
