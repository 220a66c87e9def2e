/**
 * The first `dimensions` numbers of a vector, with the Euclidean length 1. Models that were trained for it (Matryoshka) lose little by being cut;
 * OpenAI's are cut and normalised in this way. A vector of zeros stays as it is.
 *
 * @throws when a number is not finite: such a vector would be `null` in JSON
 */
export function shapeVector(vector: Float32Array, dimensions: number | undefined): Float32Array {
  const cut = vector.subarray(0, dimensions);
  const length = Math.sqrt(cut.reduce((sum, value) => sum + value * value, 0));
  if (!Number.isFinite(length)) throw new Error("The model gave a vector with a number that is not finite.");
  return length === 0 ? cut : cut.map((value) => value / length);
}

/** The vector's numbers as 32-bit floats, lowest byte first, in base64: what the official clients ask for by default. */
export function encodeBase64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * Float32Array.BYTES_PER_ELEMENT);
  vector.forEach((value, index) => {
    bytes.writeFloatLE(value, index * Float32Array.BYTES_PER_ELEMENT);
  });
  return bytes.toString("base64");
}
