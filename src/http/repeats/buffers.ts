/** Memory that is used again. New memory for each answer would have V8 collect the garbage of the whole process all the time. */
export type Buffers = {
  /** Returns at least so many bytes, whatever is in them. */
  readonly take: (length: number) => Buffer;
  /** Takes back what nobody reads any more. */
  readonly giveBack: (buffer: Buffer) => void;
};

const LEAST_BYTES = 1_024;

/** @param maxBytes the memory that is kept while it isn't used */
export function createBuffers(maxBytes: number): Buffers {
  /** By their length, a power of 2. */
  const unused = new Map<number, Buffer[]>();
  let bytes = 0;

  return {
    take(length) {
      const size = Math.max(LEAST_BYTES, 2 ** Math.ceil(Math.log2(length)));
      const known = unused.get(size)?.pop();
      if (known === undefined) return Buffer.allocUnsafeSlow(size);
      bytes -= size;
      return known;
    },
    giveBack(buffer) {
      const size = buffer.length;
      if (bytes + size > maxBytes) return;
      bytes += size;
      const alike = unused.get(size);
      if (alike === undefined) unused.set(size, [buffer]);
      else alike.push(buffer);
    },
  };
}
