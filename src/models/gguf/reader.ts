/** A value extends beyond the available bytes. It ends at `endOffset` or later. */
export class NeedsMoreBytes extends Error {
  readonly endOffset: number;

  constructor(endOffset: number) {
    super(`the header extends at least to offset ${endOffset}`);
    this.endOffset = endOffset;
  }
}

/** Reads little-endian values in sequence. A read past the end throws `NeedsMoreBytes`. */
export type ByteReader = {
  readonly offset: () => number;
  readonly skip: (byteCount: number) => void;
  readonly uint8: () => number;
  readonly int8: () => number;
  readonly uint16: () => number;
  readonly int16: () => number;
  readonly uint32: () => number;
  readonly int32: () => number;
  readonly float32: () => number;
  readonly float64: () => number;
  /** Exact up to 2^53; larger values, which no real file has, are rounded. */
  readonly uint64: () => number;
  readonly int64: () => number;
  readonly text: (byteCount: number) => string;
};

/** Creates a reader over `bytes`. Pure: it copies nothing and allocates only the requested strings. */
export function createByteReader(bytes: Buffer): ByteReader {
  let offset = 0;

  const take = (byteCount: number): number => {
    const start = offset;
    if (start + byteCount > bytes.length) throw new NeedsMoreBytes(start + byteCount);
    offset = start + byteCount;
    return start;
  };

  return {
    offset: () => offset,
    skip: (byteCount) => {
      take(byteCount);
    },
    uint8: () => bytes.readUInt8(take(1)),
    int8: () => bytes.readInt8(take(1)),
    uint16: () => bytes.readUInt16LE(take(2)),
    int16: () => bytes.readInt16LE(take(2)),
    uint32: () => bytes.readUInt32LE(take(4)),
    int32: () => bytes.readInt32LE(take(4)),
    float32: () => bytes.readFloatLE(take(4)),
    float64: () => bytes.readDoubleLE(take(8)),
    // Two 32-bit halves: a vocabulary has hundreds of thousands of lengths, and a BigInt for each costs four times as much.
    uint64: () => {
      const start = take(8);
      return bytes.readUInt32LE(start) + bytes.readUInt32LE(start + 4) * 2 ** 32;
    },
    int64: () => Number(bytes.readBigInt64LE(take(8))),
    text: (byteCount) => {
      const start = take(byteCount);
      return bytes.toString("utf8", start, start + byteCount);
    },
  };
}
