import type { Line } from "../batch/read-lines.ts";
import type { BlockIndex } from "./claims.ts";

/** A batch has about this many blocks at most, as far as a block may have so many lines. */
const MAX_BLOCKS = 4_096;
const MAX_BLOCK_LINES = 256;
/** A block is a whole number of bytes in the map of lines that are done. */
const UNIT = 8;
const OFFSET_BYTES = 8;

/** Notes where lines begin while they are read. */
export function createBlockIndex() {
  /** Where every eighth line begins. */
  const units: number[] = [];
  let total = 0;

  return {
    note({ line, offset }: Pick<Line, "line" | "offset">): void {
      if (line % UNIT === 0) units.push(offset);
      total = line + 1;
    },
    /** Small batches have small blocks, so that all gateways have some. */
    index(): BlockIndex {
      const unitsInBlock = Math.min(MAX_BLOCK_LINES / UNIT, Math.max(1, Math.ceil(units.length / MAX_BLOCKS)));
      const starts = units.filter((_, unit) => unit % unitsInBlock === 0);
      const offsets = Buffer.alloc(starts.length * OFFSET_BYTES);
      for (const [block, offset] of starts.entries()) offsets.writeBigUInt64BE(BigInt(offset), block * OFFSET_BYTES);
      return { blockLines: unitsInBlock * UNIT, blocks: starts.length, total, offsets };
    },
  };
}
