import type { GgufHeader } from "./header.ts";

/** The bytes of a number in the KV cache, which is 16 bits in Sluice. */
const CELL_BYTES = 2;

/**
 * Returns the bytes of one token in the KV cache, in all layers, by llama.cpp's rules: a key and a value for each KV head.
 * Undefined if the header doesn't tell, such as for models without attention, or whose number of heads differs between layers.
 */
export function kvBytesPerToken({ values, arrayLengths }: GgufHeader, architecture: string): number | undefined {
  const number = (key: string): number | undefined => {
    const value = values.get(`${architecture}.${key}`);
    return typeof value === "number" ? value : undefined;
  };
  const layers = number("block_count");
  const heads = number("attention.head_count");
  const width = number("embedding_length");
  if (layers === undefined || heads === undefined || heads === 0 || width === undefined) return undefined;
  if (arrayLengths.has(`${architecture}.attention.head_count_kv`)) return undefined;
  const headsWithCache = number("attention.head_count_kv") ?? heads;
  const headSize = width / heads;
  const keySize = number("attention.key_length") ?? headSize;
  const valueSize = number("attention.value_length") ?? headSize;
  return layers * headsWithCache * (keySize + valueSize) * CELL_BYTES;
}
