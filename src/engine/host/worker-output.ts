import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";

const KEPT_LINES = 20;
const MAX_LINE_CHARS = 1_000;

/** Reads a worker's output and keeps its last lines for error messages. */
type WorkerOutput = {
  /** Reads `stream` to its end. Lines longer than 1,000 characters are split, to bound the memory. */
  follow(stream: Readable | null): void;
  /** The last 20 lines, including an unfinished one. */
  lastLines(): string[];
  /** Resolves when all streams were read to their end. */
  ended(): Promise<void>;
};

export function createWorkerOutput(onLine: (line: string) => void): WorkerOutput {
  const kept: string[] = [];
  const followed: Readable[] = [];
  const unended = new Map<Readable, string>();

  function keep(line: string): void {
    if (line.trim() === "") return;
    kept.push(line);
    if (kept.length > KEPT_LINES) kept.shift();
    onLine(line);
  }

  return {
    follow(stream) {
      if (stream === null) return;
      followed.push(stream);
      stream.setEncoding("utf8");
      stream.on("data", (chunk: string) => {
        const lines = ((unended.get(stream) ?? "") + chunk).split(/\r\n|\n|\r/);
        let rest = lines.pop() ?? "";
        for (const line of lines) for (const piece of cut(line)) keep(piece);
        for (; rest.length > MAX_LINE_CHARS; rest = rest.slice(MAX_LINE_CHARS)) keep(rest.slice(0, MAX_LINE_CHARS));
        unended.set(stream, rest);
      });
      stream.on("end", () => {
        keep(unended.get(stream) ?? "");
        unended.delete(stream);
      });
      // The exit of the process is reported separately.
      stream.on("error", () => {});
    },
    async ended() {
      await Promise.allSettled(followed.map((stream) => finished(stream)));
    },
    lastLines: () => [...kept, ...[...unended.values()].filter((line) => line.trim() !== "")].slice(-KEPT_LINES),
  };
}

function cut(line: string): string[] {
  if (line.length <= MAX_LINE_CHARS) return [line];
  return line.match(new RegExp(`.{1,${MAX_LINE_CHARS}}`, "gsu")) ?? [];
}
