import type { LineRequest } from "./line.ts";
import type { Place } from "./read-lines.ts";

type WaitingLine = LineRequest & Place & { readonly bytes: number };

/** The lines that were read and have not begun. */
export type LookAhead = {
  readonly size: number;
  readonly bytes: number;
  add(line: WaitingLine): void;
  /** The next line without taking it. */
  peek(): WaitingLine | undefined;
  /** Takes the next: of those that begin like the last one first, then the next by their beginnings, round and round. */
  take(): WaitingLine | undefined;
};

/** Sorts by beginnings, so that those that share one follow each other. */
export function createLookAhead(): LookAhead {
  const waiting: WaitingLine[] = [];
  let bytes = 0;
  let last = "";

  /** The first place whose beginning is not before this one. */
  function find(beginning: string, isAfter: boolean): number {
    let [low, high] = [0, waiting.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = waiting[middle]?.beginning ?? "";
      if (other < beginning || (isAfter && other === beginning)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  const nextAt = () => {
    const at = find(last, false);
    return at < waiting.length ? at : 0;
  };

  return {
    get size() {
      return waiting.length;
    },
    get bytes() {
      return bytes;
    },
    add(line) {
      // Behind its equals, so that those are taken in the file's order.
      waiting.splice(find(line.beginning, true), 0, line);
      bytes += line.bytes;
    },
    peek: () => waiting[nextAt()],
    take() {
      const [line] = waiting.splice(nextAt(), 1);
      if (line === undefined) return undefined;
      last = line.beginning;
      bytes -= line.bytes;
      return line;
    },
  };
}
