/** `node --expose-gc memory-worker.ts COUNT`: fills a store, and writes as JSON what it says that it holds and how much the process has grown. */
import { hash } from "node:crypto";
import type { TimedEvent } from "../../../src/cache/entry.ts";
import { createAnswerStore } from "../../../src/cache/store.ts";
import { createWriter, LEXICON } from "../../load/text.ts";

const TOKENS = 100;
const MB = 2 ** 20;
const count = Number(process.argv[2]);
const writer = createWriter(LEXICON, 1);

function makeAnswer(): TimedEvent[] {
  const words = writer.passage(TOKENS).split(" ");
  const events = [
    { type: "started", promptTokens: 60, cachedTokens: 0 } as const,
    ...words.map((word, index) => ({ type: "text", choice: 0, text: index === 0 ? word : ` ${word}` }) as const),
    { type: "finished", choice: 0, reason: "stop", completionTokens: TOKENS } as const,
  ];
  return events.map((event, index) => ({ event, afterMs: 10 + (index % 7) }));
}

function collect(): void {
  if (globalThis.gc === undefined) throw new Error("run with --expose-gc");
  // What answers were made from is garbage of the benchmark: V8 gives its pages back only when it is asked to, or in idle times.
  globalThis.gc({ type: "major", execution: "sync", flavor: "last-resort" });
}

const store = createAnswerStore({ maxBytes: 2 ** 34, ttlMs: 2 ** 31 });
const put = (index: number) =>
  store.put(hash("sha256", String(index), "base64url"), makeAnswer(), { model: "model", scope: "tenant:local" });

// What the code itself takes, compiled and all, is there before.
for (let index = 0; index < 2_000; index++) put(-1);
store.clear();
collect();
const beforeMb = process.memoryUsage.rss() / MB;
for (let index = 0; index < count; index++) put(index);
collect();
const grownMb = process.memoryUsage.rss() / MB - beforeMb;
const { entries, bytes } = store.size();
process.stdout.write(JSON.stringify({ entries, countedMb: bytes / MB, grownMb }));
