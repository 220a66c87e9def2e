import type { Line } from "./read-lines.ts";

/** Notes where all lines end, and leaves out those that are done. */
export async function* skipDone(
  lines: AsyncGenerator<Line>,
  done: ReadonlySet<number>,
  ends: Map<number, number>,
): AsyncGenerator<Line> {
  for await (const line of lines) {
    ends.set(line.line, line.end);
    if (!done.has(line.line)) yield line;
  }
}
