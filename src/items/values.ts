import { setImmediate } from "node:timers/promises";
import { parseLine, type ReadLine, type ReadValue } from "./item.ts";

/** What was read of a line. */
export type HeldValue = ReadValue & {
  /** Gives its room back. */
  readonly leave: () => void;
};

export type ValueOptions = {
  readonly maxBytes: number;
  /** Waits for room for a line's request, which is given back by what it returns. */
  readonly take: (bytes: number) => Promise<() => void>;
  /** The characters that each request has besides its line. */
  readonly templateLength: () => number;
};

/** Before a request with more characters others have their turn. */
const LONG = 64 * 1024;

/** Reads the lines' JSON, one after another, each when there is room for its request. */
export async function* valuesOf<End>(
  lines: AsyncGenerator<ReadLine, End>,
  { maxBytes, take, templateLength }: ValueOptions,
): AsyncGenerator<HeldValue, End> {
  try {
    for (;;) {
      const next = await lines.next();
      if (next.done === true) return next.value;
      const { text = "" } = next.value;
      const length = text.length + templateLength();
      const leave = await take(length);
      // Each makes its request when it is read.
      if (length > LONG) await setImmediate();
      yield { ...(await parseLine(next.value, maxBytes)), leave };
    }
  } finally {
    void lines.return(undefined as End).catch(() => {});
  }
}
